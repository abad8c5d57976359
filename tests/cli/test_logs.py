"""`payments-sandbox logs`: the journal, oldest first, and new entries with `--follow`."""

import json
import os
import signal
from typing import Final

import pytest

from tests.support.process import (
    RemoteWorld,
    documented_example,
    environment_name,
    new_remote_world,
    options_of,
    run,
    serve_process,
    started,
    without_ids,
)
from tests.support.tables import for_each

SHARED: Final = {"--url", "--api-key", "--control-token"}
DROPPED: Final = "4000009900000061"


def seen(world: RemoteWorld, count: int) -> list[str]:
    """Send requests to a world, and return their masked log lines."""
    for number in range(count):
        world.ask("GET", f"/v3/a{number}")
    return [f"GET /v3/a{number}  404  not_found  N ms" for number in range(count)]


def bare(line: str) -> str:
    """Return a masked line without its time, request id and world."""
    return "  ".join(without_ids(line).split("  ")[1:-2])


def lines(*arguments: str, **extra: str) -> list[str]:
    """Run `logs`, expect nothing on stderr, and return the bare lines."""
    ended = run("logs", *arguments, extra=extra)
    assert (ended.returncode, ended.stderr) == (0, "")
    return list(map(bare, ended.stdout.splitlines()))


def test_the_example_in_docs_cli_md_matches_the_output(world: RemoteWorld) -> None:
    """The example shows a payment, an invalid one, a lost reply and an unknown path."""
    world.pay()
    world.pay(amount=0)
    with pytest.raises(ConnectionResetError):
        world.pay(card_number=DROPPED)
    world.ask("GET", "/v3/customers?q=1")

    console, *shown = documented_example("payments-sandbox logs")
    assert console == "$ payments-sandbox logs"
    printed = without_ids(world.run("logs").stdout).replace(world.key, "sk_test_sandbox")
    assert printed.splitlines() == shown


def test_logs_prints_the_same_lines_as_serve_log() -> None:
    """Only the card's brand is missing, which the journal does not store."""
    with serve_process("--log") as server:
        world = new_remote_world(server.address)
        payment_id = world.pay().json["id"]
        world.ask("GET", f"/v3/payments/{payment_id}")
        world.ask("POST", "/v3/payments", {})
        world.ask("GET", "/v3/pay%1B%0Aments")
        told = world.run("logs").stdout.splitlines()
        printed = server.lines(len(told))

    assert told == [line.replace("visa 1111", "…1111") for line in printed]
    assert bare(told[0]) == "create_payment  201  pay_…  2500 USD  cust_abc123  …1111  N ms"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [((), 20), (("-n", "3"), 3), (("--limit", "0"), 0), (("-n", "1000"), 23)],
)
def test_the_last_twenty_entries_are_shown_by_default(
    world: RemoteWorld, arguments: tuple[str, ...], shown: int
) -> None:
    """They are printed oldest first; `--limit` changes the number."""
    told = seen(world, 23)

    assert lines(*arguments, **world.variables) == told[23 - shown :]


@pytest.fixture
def busy(world: RemoteWorld) -> RemoteWorld:
    """Return a world with a payment, a decline and, an hour later, a list and two unknown paths."""
    world.pay()
    world.pay(card_number="4000000000009995", customer_id="cust_ada")
    world.control("POST", "/clock/advance", {"by": "1h"})
    world.ask("GET", "/v3/payments?customer_id=cust_ada")
    seen(world, 2)
    return world


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--status", "201"], ["create_payment"]),
        (["--status", "4xx"], ["create_payment", "GET /v3/a0", "GET /v3/a1"]),
        (["--status", "4xx", "-n", "2"], ["GET /v3/a0", "GET /v3/a1"]),
        (["--operation", "create_payment", "-n", "1"], ["create_payment"]),
        (["--customer", "cust_ada"], ["create_payment", "list_payments"]),
        (["--since", "10m", "--status", "200"], ["list_payments"]),
        (["--since", "2030-01-15T11:30:00Z", "--customer", "cust_ada"], ["list_payments"]),
        (["--since", "2031-01-01"], []),
        (["--status", "5xx"], []),
    ],
    ids=[
        "status",
        "status class",
        "status class and limit",
        "operation and limit",
        "customer",
        "last 10 minutes",
        "since an instant",
        "since the future",
        "no match",
    ],
)
def test_filters_apply_before_the_limit(
    busy: RemoteWorld, arguments: list[str], shown: list[str]
) -> None:
    assert [line.split("  ")[0] for line in lines(*arguments, **busy.variables)] == shown


def test_filters_apply_to_followed_entries(busy: RemoteWorld) -> None:
    """Matching entries of the past come first."""
    busy.ask("GET", "/v3/payments")
    with busy.running("logs", "-f", "--status", "404", "-n", "1") as logs:
        assert bare(logs.line()).startswith("GET /v3/a1  404")
        busy.ask("GET", "/v3/payments")
        busy.ask("GET", "/v3/a9")
        assert bare(logs.line()).startswith("GET /v3/a9  404")


def test_json_prints_the_control_apis_entries_one_per_line(world: RemoteWorld) -> None:
    world.pay()
    seen(world, 2)
    ended = world.run("logs", "--json")

    entries = world.control("GET", "/requests")["data"]
    assert [json.loads(line) for line in ended.stdout.splitlines()] == entries[::-1]


def test_every_option_can_be_set_by_an_environment_variable(world: RemoteWorld) -> None:
    seen(world, 3)
    extra = {environment_name("--limit"): "1", environment_name("--json"): "yes"}

    (line,) = run("logs", extra=world.variables | extra).stdout.splitlines()
    assert json.loads(line)["path"] == "/v3/a2"
    with world.running("logs", **extra, **{environment_name("--follow"): "1"}) as logs:
        assert logs.line() == line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_follow_prints_past_entries_then_new_ones_until_a_signal(
    world: RemoteWorld, number: signal.Signals
) -> None:
    """The signal makes it exit with 0."""
    told = seen(world, 3)
    with world.running("logs", "--follow", "-n", "2") as logs:
        assert list(map(bare, logs.lines(2))) == told[1:]
        told = seen(world, 3)
        assert list(map(bare, logs.lines(3))) == told
        code, _ = logs.stop(number)
        assert (code, logs.rest()) == (0, ("", ""))


def test_follow_with_json_prints_each_entry_as_it_arrives(world: RemoteWorld) -> None:
    with world.running("logs", "--follow", "--json", "-n", "1") as logs:
        shown = []
        for _ in range(3):
            seen(world, 1)
            shown.append(json.loads(logs.line()))

    assert shown == world.control("GET", "/requests?limit=3")["data"][::-1]


def test_follow_continues_after_the_world_is_dropped_or_reset(world: RemoteWorld) -> None:
    """All entries of the new world are printed, and all entries after a reset."""
    with world.running("logs", "--follow") as logs:
        seen(world, 1)
        assert bare(logs.line()) == "GET /v3/a0  404  not_found  N ms"
        world.control("DELETE", "/world")
        told = seen(world, 2)
        assert list(map(bare, logs.lines(2))) == told
        world.control("POST", "/world/reset")
        told = seen(world, 3)
        assert list(map(bare, logs.lines(3))) == told
        logs.stop()
        assert logs.rest() == ("", "")


def test_follow_waits_for_a_restarted_server() -> None:
    """Stderr reports the outage, and all entries of the new server are printed."""
    with serve_process() as first:
        port = first.address.rpartition(":")[2]
        world = RemoteWorld(first.address, "sk_test_sandbox")
        told = seen(world, 3)
        with world.running("logs", "--follow") as logs:
            assert list(map(bare, logs.lines(3))) == told
            first.stop()
            gone = logs.error_line()
            with serve_process("--port", port):
                told = seen(world, 5)
                assert list(map(bare, logs.lines(5))) == told
                back = logs.error_line()
                logs.stop()

    assert [gone, back] == [
        f"payments-sandbox: the server at {world.address} is gone; waiting for it.",
        f"payments-sandbox: the server at {world.address} is back.",
    ]


def test_a_closed_stdout_pipe_is_not_an_error(world: RemoteWorld) -> None:
    """As in `payments-sandbox logs --follow | head -1`: no traceback."""
    reader, writer = os.pipe()
    words = ("logs", "--follow")
    with (
        started(words, extra=world.variables, stdout=writer) as process,
        os.fdopen(reader) as head,
    ):
        os.close(writer)
        seen(world, 1)
        assert bare(head.readline()) == "GET /v3/a0  404  not_found  N ms"
        head.close()
        seen(world, 1)
        assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0


def test_this_module_covers_every_option_of_logs() -> None:
    """A new option fails this test until it is tested here."""
    own = {"--follow", "--limit", "--json", "--status", "--operation", "--customer", "--since"}
    assert options_of("logs") == SHARED | own


@for_each(
    ("arguments", "problem"),
    [
        (["-n", "1001"], "argument -n/--limit: expected a whole number from 0 to 1000"),
        (["--limit", "all"], "argument -n/--limit: expected a whole number from 0 to 1000"),
        (
            ["--status", "6xx"],
            "argument --status: expected a status such as 404, or a class such as 5xx",
        ),
        (
            ["--operation", "pay"],
            (
                "argument --operation: expected create_payment or retrieve_payment or list_payments"
                " or create_refund"
            ),
        ),
        (
            ["--since", "noon"],
            (
                "argument --since: expected an instant such as 2030-01-15T10:30:00Z,"
                " or a duration such as 10m"
            ),
        ),
    ],
)
def test_invalid_arguments_exit_2_and_say_what_is_expected(
    arguments: list[str], problem: str
) -> None:
    ended = run("logs", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"payments-sandbox logs: error: {problem}"
