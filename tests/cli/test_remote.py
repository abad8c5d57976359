"""What all commands for a running server share: address, key, token, and errors."""

import signal
import socket
from collections.abc import Iterator
from typing import Final

import pytest

from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.cli.remote_options import client_failures
from payments_sandbox.testing import SandboxClient
from tests.support.process import (
    RemoteWorld,
    ServeProcess,
    environment_name,
    new_remote_world,
    options_of,
    run,
    serve_process,
)
from tests.support.sockets import exchange, raw_request, saying
from tests.support.tables import for_each

COMMANDS: Final = ("advance", "trigger", "logs", "listen")
CALLS: Final = (["advance", "1h"], ["trigger", "payment.failed"], ["logs"], ["listen"])
SHARED: Final = {"--url", "--api-key", "--control-token"}
TOKEN: Final = "s3cret"
NOW: Final = "now 2030-01-15T11:30:00Z\n"
EXPECTED_KEY: Final = "expected a key of the sandbox, such as sk_test_sandbox"
each_call = pytest.mark.parametrize("call", CALLS, ids=COMMANDS)


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """Return a server that requires a token."""
    with serve_process("--control-token", TOKEN, "--clock", "2030-01-15T10:30:00Z") as running:
        yield running


def advance(*arguments: str, **extra: str) -> tuple[int, str, str]:
    """Advance by an hour, and return exit code, stdout and stderr."""
    ended = run("advance", "1h", *arguments, extra=extra)
    return ended.returncode, ended.stdout, ended.stderr


def now(server: ServeProcess, key: str) -> object:
    """Return the time of a world."""
    headers = {"Authorization": f"Bearer {key}", "Sandbox-Token": TOKEN}
    raw = raw_request("GET", "/_sandbox/clock", headers)
    return exchange(server.address, raw).json["now"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_remote_command_has_url_api_key_and_control_token(command: str) -> None:
    assert options_of(command) >= SHARED


@for_each("path", ["", "/", "/v3", "/v3/", "/_sandbox", "/_sandbox/"])
def test_options_override_variables_even_invalid_ones(server: ServeProcess, path: str) -> None:
    """The URL may be that of either API."""
    key = f"sk_test_line{len(path)}"
    others = {"PAYMENTS_SANDBOX_API_KEY": "sk_test_other", "PAYMENTS_API_KEY": "sk_live_1"}
    given = ("--url", server.address + path, "--api-key", key, "--control-token", TOKEN)

    assert advance(*given, **others) == (0, NOW, "")
    wrong = {environment_name("--url"): "shop", environment_name("--api-key"): "pk_1"}
    assert advance(*given, **wrong) == (0, "now 2030-01-15T12:30:00Z\n", "")
    assert now(server, key) == "2030-01-15T12:30:00Z"


def test_every_option_can_be_set_by_an_environment_variable(server: ServeProcess) -> None:
    """The application's `PAYMENTS_API_KEY` is the fallback for the key."""
    extra = {environment_name("--url"): server.address, environment_name("--control-token"): TOKEN}
    keys = {environment_name("--api-key"): "sk_test_first", "PAYMENTS_API_KEY": "sk_test_second"}

    assert advance(**extra, **keys) == (0, NOW, "")
    assert now(server, "sk_test_second") == "2030-01-15T10:30:00Z"
    del keys[environment_name("--api-key")]
    assert advance(**extra, **keys) == (0, NOW, "")
    empty = {environment_name("--api-key"): "", "PAYMENTS_API_KEY": ""}
    assert advance(**extra, **empty) == (0, NOW, "")
    assert [now(server, key) for key in ("sk_test_first", "sk_test_second", "sk_test_sandbox")] == [
        "2030-01-15T11:30:00Z"
    ] * 3


@each_call
def test_an_unreachable_server_exits_1_with_one_line(call: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    ended = run(*call, "--url", url)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: no sandbox answers at {url}: Connection refused;"
        " payments-sandbox serve starts one, and --url selects another.\n"
    )


@each_call
def test_a_wrong_token_is_reported_without_repeating_it(
    server: ServeProcess, call: list[str]
) -> None:
    """It exits with 1, and the line names the option."""
    ended = run(*call, "--url", server.address, "--control-token", "wrong")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: {server.address} rejected the request: The Sandbox-Token header is"
        " missing or wrong"
        " (invalid_token): Send the server's control token in the header Sandbox-Token;"
        " --control-token takes the token that the server printed at its start.\n"
    )


@each_call
def test_a_rejected_key_is_reported_with_the_option_that_sets_it(call: list[str]) -> None:
    """It exits with 1, and the line contains the server's error."""
    with serve_process("--strict-keys") as server:
        ended = run(*call, "--url", server.address, "--api-key", "sk_test_unknown")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"payments-sandbox: {server.address} rejected the request: The API key is missing or"
        " invalid"
        " (invalid_api_key): No world has this key (--strict-keys)."
        " POST /_sandbox/worlds creates one; --api-key selects another.\n"
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "status 404"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", "status 500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "status 200"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
            "its answer is not HTTP, or is incomplete",
        ),
        (b"220 mail.example.com ESMTP\r\n", "its answer is not HTTP, or is incomplete"),
    ],
)
def test_another_kind_of_server_is_reported_in_one_line(raw: bytes, reason: str) -> None:
    with saying(raw) as url:
        code, output, errors = advance("--url", url)

    assert (code, output) == (1, "")
    assert errors.startswith(
        f"payments-sandbox: the server at {url} is not a payments-sandbox ({reason}"
    )
    assert errors.endswith("); --url selects another.\n")
    assert errors.count("\n") == 1


def test_a_server_that_closes_the_connection_is_reported_as_unreachable() -> None:
    with saying(b"") as url:
        code, output, errors = advance("--url", url)

    assert (code, output) == (1, "")
    assert errors.startswith(f"payments-sandbox: no sandbox answers at {url}: ")
    assert errors.count("\n") == 1


def test_a_server_that_does_not_answer_in_time_is_reported() -> None:
    """The default timeout is half a minute, shortened here."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = SandboxClient(url, timeout=0.05)
        with pytest.raises(CommandFailedError) as caught, client_failures(url):
            client.live()

    assert str(caught.value) == f"{url} does not answer; --url selects another server"


def test_https_to_a_plain_http_server_is_reported_in_one_line(server: ServeProcess) -> None:
    """It is reported like an unreachable server."""
    url = server.address.replace("http:", "https:")
    code, output, errors = advance("--url", url)

    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(f"payments-sandbox: no sandbox answers at {url}: [SSL")


@for_each(
    ("option", "value", "expected"),
    [
        ("--url", "127.0.0.1:8080", "expected an address such as http://127.0.0.1:8080"),
        ("--url", "http://127.0.0.1:8080/v2", "expected an address such as http://127.0.0.1:8080"),
        ("--url", "http://127.0.0.1:65536", "expected an address such as http://127.0.0.1:8080"),
        ("--url", "http://u@127.0.0.1", "expected an address such as http://127.0.0.1:8080"),
        ("--api-key", "sk_live_1", EXPECTED_KEY),
        (
            "--control-token",
            "",
            "expected printable characters, without leading or trailing blanks",
        ),
    ],
)
@for_each("in_environment", [False, True])
def test_an_invalid_value_exits_2_naming_its_option_or_variable(
    option: str, value: str, expected: str, *, in_environment: bool
) -> None:
    """The last line says what is expected."""
    if in_environment:
        code, output, errors = advance(**{environment_name(option): value})
    else:
        code, output, errors = advance(option, value)

    place = environment_name(option) if in_environment else f"argument {option}"
    assert (code, output, errors.splitlines()[-1]) == (
        2,
        "",
        f"payments-sandbox advance: error: {place}: {expected}",
    )


def test_a_live_key_is_rejected_before_any_request() -> None:
    """The application's own key may be a live one."""
    code, output, errors = advance(PAYMENTS_API_KEY="sk_live_1")

    problem = f"argument --api-key: {EXPECTED_KEY}; PAYMENTS_API_KEY is not one"
    assert (code, output) == (2, "")
    assert errors.splitlines()[-1] == f"payments-sandbox advance: error: {problem}"


def test_proxy_variables_are_ignored(server: ServeProcess) -> None:
    """A proxy would answer for a server that is down."""
    extra = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    given = ("--url", server.address, "--api-key", "sk_test_proxied", "--control-token", TOKEN)

    assert advance(*given, **extra) == (0, NOW, "")


def test_ctrl_c_during_an_advance_exits_130_with_the_time() -> None:
    """An advance waits as long as a receiver takes to answer."""
    with serve_process() as server, socket.create_server(("127.0.0.1", 0)) as receiver:
        world: RemoteWorld = new_remote_world(server.address)
        url = f"http://127.0.0.1:{receiver.getsockname()[1]}/"
        world.control("POST", "/webhook_endpoints", {"url": url, "timeout": "30s"})
        world.pay()
        with world.running("advance", "1h") as waiting:
            receiver.accept()[0].close()
            with receiver.accept()[0]:  # the second attempt: the command waits for its answer
                code, _ = waiting.stop(signal.SIGINT)
            said = (
                "payments-sandbox: interrupted; the clock is at 2030-01-15T10:30:05Z, and the"
                " server continues to advance it.\n"
            )
            assert (code, waiting.rest()) == (130, ("", said))


@pytest.mark.parametrize("command", [*COMMANDS, "webhook verify"])
def test_help_contacts_no_server_and_reads_no_input(command: str) -> None:
    """Not even if variables ask it to read stdin."""
    extra = {"PAYMENTS_SANDBOX_DATA": "-", "PAYMENTS_SANDBOX_BODY": "-"}
    ended = run(*command.split(), "--help", extra=extra)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: payments-sandbox {command} ")


@pytest.mark.parametrize("command", [*COMMANDS, "webhook verify"])
def test_help_imports_no_server_or_http_modules(command: str) -> None:
    alone = {"PYTHONPROFILEIMPORTTIME": "1"}
    ended = run(*command.split(), "--help", extra=alone, is_process=True)

    names = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "payments_sandbox.cli.main" in names
    assert names & {"asyncio", "aiohttp", "http.client", "ssl", "dataclasses", "orjson"} == set()
