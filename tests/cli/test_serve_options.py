"""The effect of every option of `serve`, from the command line and the environment."""

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.support.process import ServeProcess, environment_name, options_of, serve_process
from tests.support.receiver import SELF_SIGNED
from tests.support.sockets import RawReply, connected, exchange, raw_request
from tests.support.values import documented_create

SLOW_CARD: Final = "4000009900000129"
SEED_OF_11: Final = 7016073114745173
TOKEN: Final = "s3cret"
WEBHOOKS: Final = [("inbox:a", True), ("http://127.0.0.1:9/b", True)]
SCENARIOS: Final = "tests/cli/scenarios"
CORS: Final = {"Origin": "http://app.test", "Access-Control-Request-Method": "POST"}


def ask(
    server: ServeProcess, method: str, path: str, body: object = None, **headers: str
) -> RawReply:
    """Send a request with the token and, by default, the default key."""
    raw = None if body is None else json.dumps(body).encode()
    return exchange(
        server.address, raw_request(method, path, {"Sandbox-Token": TOKEN, **headers}, raw)
    )


def new_world(server: ServeProcess, **wishes: object) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a new world, and the header with its key."""
    world = ask(server, "POST", "/_sandbox/worlds", wishes).json
    return world, {"Authorization": f"Bearer {world['api_key']}"}


def clock(server: ServeProcess) -> object:
    """Return the time of a new world if its clock is frozen, else the mode."""
    world, _ = new_world(server)
    shown = world["clock"]
    return shown["now"] if shown["mode"] == "frozen" else shown["mode"]


def seed(server: ServeProcess) -> object:
    """Return whether the default world has the seed derived from 11 and its key."""
    return ask(server, "GET", "/_sandbox/world").json["seed"] == SEED_OF_11


def rate_limit(server: ServeProcess) -> object:
    """Return the rate limit of a new world."""
    _, key = new_world(server)
    return ask(server, "GET", "/v3/payments", **key).headers["x-ratelimit-limit"]


def max_wall_delay(server: ServeProcess) -> object:
    """Return whether the slow card's three seconds end before a delay of 100 ms."""
    _, key = new_world(server, clock="2030-01-15")
    rules = [{"request": "list_payments", "do": [{"delay": "100ms"}]}]
    ask(server, "POST", "/_sandbox/scenarios/active", {"scenario": "s", "rules": rules}, **key)
    body = json.dumps(documented_create(card_number=SLOW_CARD)).encode()
    with connected(server.address) as wire:
        wire.send(raw_request("POST", "/v3/payments", key, body))
        while not ask(server, "GET", "/_sandbox/requests", **key).json["data"]:
            pass
        assert ask(server, "GET", "/v3/payments", **key).status == 200
        return not wire.is_silent_for(0)


def strict_keys(server: ServeProcess) -> object:
    """Return the status for a key without a world."""
    return ask(server, "GET", "/v3/payments", Authorization="Bearer sk_test_new").status


def lenient(server: ServeProcess) -> object:
    """Return the status for an undocumented field."""
    _, key = new_world(server, clock="2030-01-15")
    return ask(server, "POST", "/v3/payments", documented_create(color="red"), **key).status


def control_token(server: ServeProcess) -> object:
    """Return the status without a token, and the token in the ready line."""
    raw = raw_request("GET", "/_sandbox/world")
    return exchange(server.address, raw).status, server.facts.get("control_token")


def allow_host(server: ServeProcess) -> object:
    """Return the status for each of two other host names."""
    return [
        ask(server, "GET", "/_sandbox/world", Host=name).status
        for name in ("shop.test", "other.test:80")
    ]


def cors(server: ServeProcess) -> object:
    """Return the allowed origin of `/v3` and of the control API."""
    preflights = [
        exchange(server.address, raw_request("OPTIONS", path, CORS)).headers
        for path in ("/v3/payments", "/_sandbox/world")
    ]
    return [headers.get("access-control-allow-origin") for headers in preflights]


def webhook(server: ServeProcess) -> object:
    """Return each endpoint's URL, and whether it has the printed secret."""
    _, key = new_world(server)
    endpoints = ask(server, "GET", "/_sandbox/webhook_endpoints", **key).json["data"]
    secret = server.facts["webhook_secret"]
    return [(each["url"], each["secret"] == secret) for each in reversed(endpoints)]


def webhook_targets(server: ServeProcess) -> object:
    """Return the status for creating an endpoint with a public address; nothing is sent there."""
    _, key = new_world(server)
    wanted = {"url": "http://8.8.8.8/"}
    return ask(server, "POST", "/_sandbox/webhook_endpoints", wanted, **key).status


def webhook_ca(server: ServeProcess) -> object:
    """Return the status of a delivery to a receiver with a self-signed certificate."""
    _, key = new_world(server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=_answer_over_tls, args=(listener, context))
        answering.start()
        wanted = {"url": f"https://127.0.0.1:{listener.getsockname()[1]}/", "retries": []}
        made = ask(server, "POST", "/_sandbox/webhook_endpoints", wanted, **key).json
        ask(server, "POST", "/_sandbox/events", {"type": "payment.completed"}, **key)
        ask(server, "POST", "/_sandbox/clock/advance", {"by": "0s"}, **key)
        answering.join()
    path = f"/_sandbox/deliveries?endpoint_id={made['id']}"
    (delivery,) = ask(server, "GET", path, **key).json["data"]
    return delivery["status"]


def _answer_over_tls(listener: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listener.accept()
    with (
        plain,
        contextlib.suppress(OSError),
        context.wrap_socket(plain, server_side=True) as connection,
    ):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def scenario(server: ServeProcess) -> object:
    """Return the active scenarios of a new world."""
    _, key = new_world(server)
    active = ask(server, "GET", "/_sandbox/scenarios/active", **key).json["data"]
    return [each["name"] for each in active]


def scenario_dir(server: ServeProcess) -> object:
    """Return which scenarios of the folder are known by name."""
    known = {each["name"] for each in ask(server, "GET", "/_sandbox/scenarios").json["data"]}
    return sorted(known & {"quiet", "refused"})


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its value in a test, and what `look` returns with and without it."""

    name: str
    value: str | None
    look: Callable[[ServeProcess], object]
    given: object
    default: object


OPTIONS: Final = (
    Option("--clock", "2031-05-06T07:08:09Z", clock, "2031-05-06T07:08:09Z", "live"),
    Option("--seed", "11", seed, given=True, default=False),
    Option("--rate-limit", "3", rate_limit, "3", "1000"),
    Option("--max-wall-delay", "20ms", max_wall_delay, given=True, default=False),
    Option("--strict-keys", None, strict_keys, 401, 200),
    Option("--lenient", None, lenient, 201, 400),
    Option("--control-token", TOKEN, control_token, (401, TOKEN), (200, None)),
    Option("--allow-host", "shop.test,Other.Test", allow_host, [200, 200], [421, 421]),
    Option("--webhook", "inbox:a,http://127.0.0.1:9/b", webhook, WEBHOOKS, []),
    Option("--webhook-targets", "public", webhook_targets, 201, 400),
    Option("--webhook-ca", str(SELF_SIGNED), webhook_ca, "delivered", "failed"),
    Option("--scenario", f"{SCENARIOS}/quiet.yaml,refused", scenario, ["quiet", "refused"], []),
    Option("--scenario-dir", SCENARIOS, scenario_dir, ["quiet", "refused"], []),
    Option("--cors", "http://app.test", cors, ["http://app.test", None], [None, None]),
)
ELSEWHERE: Final = {
    "--advertise",
    "--cluster",
    "--durability",
    "--until-stdin-closes",
    "--coverage",
    "--host",
    "--port",
    "--ready-file",
    "--log",
    "--state",
    "--tls",
    "--tls-fault",
    "--unix",
    "--workers",
    "--world-ttl",
    "--max-worlds",
    "--watch",
}
"""Options that need their own server: their tests are below, or in other modules of `serve`."""


def on_the_command_line() -> list[str]:
    """Return every option of the table as arguments."""
    arguments: list[str] = []
    for option in OPTIONS:
        values = [None] if option.value is None else option.value.split(",")
        for value in values:
            arguments += [option.name] if value is None else [option.name, value]
    return arguments


def in_the_environment() -> dict[str, str]:
    """Return every option of the table as variables."""
    return {environment_name(option.name): option.value or "1" for option in OPTIONS}


@pytest.fixture(scope="module")
def told() -> Iterator[ServeProcess]:
    """Return a server with all options on the command line."""
    with serve_process(*on_the_command_line()) as server:
        yield server


@pytest.fixture(scope="module")
def found() -> Iterator[ServeProcess]:
    """Return a server with all options in its environment."""
    with serve_process(extra=in_the_environment()) as server:
        yield server


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_has_its_effect_from_command_line_and_environment(
    server: ServeProcess, told: ServeProcess, found: ServeProcess, option: Option
) -> None:
    """Without it, the default applies."""
    seen = option.look(told), option.look(found), option.look(server)

    assert seen == (option.given, option.given, option.default)


def test_every_option_of_serve_has_a_test() -> None:
    """A new option needs a row here."""
    assert options_of("serve") == {option.name for option in OPTIONS} | ELSEWHERE


def test_options_replace_single_values_and_extend_lists_of_variables() -> None:
    extra = {
        environment_name("--clock"): "2031-01-01",
        environment_name("--allow-host"): "other.test",
    }
    with serve_process("--clock", "2032-02-02", "--allow-host", "shop.test", extra=extra) as server:
        assert (clock(server), allow_host(server)) == ("2032-02-02T00:00:00Z", [200, 200])


def test_log_prints_a_line_for_each_request() -> None:
    """Without `--log` or its variable, nothing follows the ready line."""
    for arguments, extra, lines in (
        (("--log",), {}, 1),
        ((), {environment_name("--log"): "true"}, 1),
        ((), {environment_name("--log"): "false"}, 0),
    ):
        with serve_process(*arguments, extra=extra) as server:
            ask(server, "GET", "/v3/payments")
            server.stop()
            output, errors = server.rest()
            assert re.fullmatch(r"(\S+Z  list_payments  200  .*\n)?", output)
            assert (output.count("\n"), errors) == (lines, "")


def test_world_ttl_drops_an_idle_world() -> None:
    """Creating another world finds it idle, and its key gets a new world."""
    with serve_process("--world-ttl", "1ms") as server:
        _, key = new_world(server)
        for _ in range(20):
            new_world(server)
        assert ask(server, "GET", "/_sandbox/world", **key).json["restarted"] == (
            "An earlier world of this key was idle for 1ms (--world-ttl)."
        )


def test_max_worlds_drops_the_longest_idle_world_but_not_the_default_one() -> None:
    """The default world counts, but is never dropped."""
    with serve_process(extra={environment_name("--max-worlds"): "2"}) as server:
        _, key = new_world(server)
        new_world(server)
        assert ask(server, "GET", "/_sandbox/world", **key).json["restarted"] == (
            "An earlier world of this key was the longest idle of 2 worlds (--max-worlds)."
        )
        assert ask(server, "GET", "/_sandbox/world").json["restarted"] is None


def test_beyond_loopback_a_token_is_generated_and_required() -> None:
    """Health checks need no token."""
    with serve_process(extra={environment_name("--host"): "0.0.0.0"}) as server:
        token = server.facts["control_token"]
        assert re.fullmatch(r"[\w-]{32}", token)
        assert server.facts["base_url"].startswith("http://127.0.0.1:")
        statuses = {
            path: [
                ask(server, "GET", path, **{"Sandbox-Token": given}).status
                for given in (token, "guess")
            ]
            for path in ("/_sandbox/world", "/_sandbox/cards", "/_sandbox/live", "/v3/payments")
        }
    assert statuses == {
        "/_sandbox/world": [200, 401],
        "/_sandbox/cards": [200, 401],
        "/_sandbox/live": [200, 200],
        "/v3/payments": [200, 200],
    }
