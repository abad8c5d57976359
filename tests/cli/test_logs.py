"""`payments-sandbox logs`: the journal, oldest first, and what comes with `--follow`."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.process import (
    COMMAND,
    RemoteWorld,
    ServeProcess,
    documented_example,
    ended_with_block,
    environment,
    environment_name,
    new_remote_world,
    options_of,
    run,
    serve_process,
    without_ids,
)

SHARED: Final = {"--url", "--api-key", "--control-token"}
DROPPED: Final = "4000009900000061"


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """One server; each test has a world of its own."""
    with serve_process() as running:
        yield running


@pytest.fixture
def world(server: ServeProcess) -> RemoteWorld:
    """A world that has seen nothing."""
    return new_remote_world(server.address)


def seen(world: RemoteWorld, count: int) -> list[str]:
    """Let a world see requests; the lines that tell of them, masked."""
    for number in range(count):
        world.ask("GET", f"/v3/a{number}")
    return [f"GET /v3/a{number}  404  not_found  N ms" for number in range(count)]


def lines(*arguments: str, **extra: str) -> list[str]:
    """The lines that it prints, masked; nothing goes to stderr."""
    ended = run("logs", *arguments, extra=extra)
    assert (ended.returncode, ended.stderr) == (0, "")
    return without_ids(ended.stdout).splitlines()


def test_the_page_shows_what_it_prints(world: RemoteWorld) -> None:
    """A payment, a decline, a reply that is lost and a path that is none, as in docs/cli.md."""
    world.pay()
    world.pay(card_number="4000000000009995")
    with pytest.raises(ConnectionResetError):
        world.pay(card_number=DROPPED)
    world.ask("GET", "/v3/customers?q=1")

    console, *shown = documented_example("payments-sandbox logs")
    assert console == "$ payments-sandbox logs"
    assert lines(**world.variables) == shown


def test_the_lines_are_those_of_serve() -> None:
    """All but the brand of the card, which the journal does not keep."""
    with serve_process("--log") as server:
        world = new_remote_world(server.address)
        payment_id = world.pay().json["id"]
        world.ask("GET", f"/v3/payments/{payment_id}")
        world.ask("POST", "/v3/payments", {})
        world.ask("GET", "/v3/pay%1B%0Aments")
        told = lines(**world.variables)
        printed = [without_ids(server.line()) for _ in told]

    assert told == [line.replace("visa 1111", "…1111") for line in printed]
    assert told[0] == "create_payment  201  pay_…  …1111  N ms"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [((), 20), (("-n", "3"), 3), (("--limit", "0"), 0), (("-n", "1000"), 23)],
)
def test_twenty_entries_are_shown_unless_told_otherwise(
    world: RemoteWorld, arguments: tuple[str, ...], shown: int
) -> None:
    """The last ones, oldest first; twenty unless told otherwise."""
    told = seen(world, 23)

    assert lines(*arguments, **world.variables) == told[23 - shown :]


def test_everything_is_printed_as_json(world: RemoteWorld) -> None:
    """One line of JSON for each: the entries of the control API."""
    world.pay()
    seen(world, 2)
    ended = world.run("logs", "--json")

    entries = world.control("GET", "/requests")["data"]
    assert [json.loads(line) for line in ended.stdout.splitlines()] == entries[::-1]


def test_every_option_can_be_set_in_the_environment(world: RemoteWorld) -> None:
    """Each has its variable."""
    seen(world, 3)
    extra = {environment_name("--limit"): "1", environment_name("--json"): "yes"}

    (line,) = run("logs", extra=world.variables | extra).stdout.splitlines()
    assert json.loads(line)["path"] == "/v3/a2"
    with world.running("logs", **extra, **{environment_name("--follow"): "1"}) as logs:
        assert logs.line() == line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_followed_entries_come_after_those_of_the_past(
    world: RemoteWorld, number: signal.Signals
) -> None:
    """First the past, then what comes; a signal ends it, and is no error."""
    told = seen(world, 3)
    with world.running("logs", "--follow", "-n", "2") as logs:
        assert list(map(without_ids, logs.lines(2))) == told[1:]
        told = seen(world, 3)
        assert list(map(without_ids, logs.lines(3))) == told
        code, _ = logs.stop(number)
        assert (code, logs.rest()) == (0, ("", ""))


def test_entries_can_be_followed_as_json(world: RemoteWorld) -> None:
    """One line of JSON for each, as soon as it is there."""
    with world.running("logs", "--follow", "--json", "-n", "1") as logs:
        shown = []
        for _ in range(3):
            seen(world, 1)
            shown.append(json.loads(logs.line()))

    assert shown == world.control("GET", "/requests?limit=3")["data"][::-1]


def test_a_world_that_is_dropped_is_followed(world: RemoteWorld) -> None:
    """Its key has a new one, and all that this one has seen is news; so it is after a reset."""
    with world.running("logs", "--follow") as logs:
        seen(world, 1)
        assert without_ids(logs.line()) == "GET /v3/a0  404  not_found  N ms"
        world.control("DELETE", "/world")
        told = seen(world, 2)
        assert list(map(without_ids, logs.lines(2))) == told
        world.control("POST", "/world/reset")
        told = seen(world, 3)
        assert list(map(without_ids, logs.lines(3))) == told
        logs.stop()
        assert logs.rest() == ("", "")


def test_a_server_that_is_started_anew_is_waited_for() -> None:
    """Stderr says so, and all that the new one has seen is printed."""
    with serve_process() as first:
        port = first.address.rpartition(":")[2]
        world = RemoteWorld(first.address, "sk_test_sandbox")
        told = seen(world, 3)
        with world.running("logs", "--follow") as logs:
            assert list(map(without_ids, logs.lines(3))) == told
            first.stop()
            gone = logs.error_line()
            with serve_process("--port", port):
                told = seen(world, 5)
                assert list(map(without_ids, logs.lines(5))) == told
                back = logs.error_line()
                logs.stop()

    assert [gone, back] == [
        f"payments-sandbox: the server at {world.address} is gone; waiting for it.",
        f"payments-sandbox: the server at {world.address} is back.",
    ]


def test_a_reader_that_has_seen_enough_is_no_error(world: RemoteWorld) -> None:
    """As in `payments-sandbox logs --follow | head -1`: no traceback."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as ours:
        process = subprocess.Popen(
            [*COMMAND, "logs", "--follow"],
            env=environment(**world.variables),
            stdout=ours,
            stderr=subprocess.PIPE,
        )
    with ended_with_block(process), os.fdopen(reader) as head:
        seen(world, 1)
        assert without_ids(head.readline()) == "GET /v3/a0  404  not_found  N ms\n"
        head.close()
        seen(world, 1)
        assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == 0


def test_every_option_is_tried() -> None:
    """An option that is added is tested here."""
    assert options_of("logs") == SHARED | {"--follow", "--limit", "--json"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-n", "1001"], "argument -n/--limit: expected a whole number from 0 to 1000"),
        (["--limit", "all"], "argument -n/--limit: expected a whole number from 0 to 1000"),
    ],
)
def test_a_wrong_call_says_what_would_have_worked(arguments: list[str], problem: str) -> None:
    """Exit 2; the last line says what would have worked."""
    ended = run("logs", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"payments-sandbox logs: error: {problem}"
