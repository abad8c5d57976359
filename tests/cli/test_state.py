"""`serve --state`: worlds survive a restart exactly; a file that is no state is never changed."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from payments_sandbox.cli.state_file import StateFile
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import assemble
from tests.support.process import ServeProcess, run, serve_process
from tests.support.sockets import exchange, raw_request
from tests.support.values import documented_create

PENDING = "4000009900000012"
NAMES_A_CARD = {
    "scenario": "named",
    "rules": [
        {"request": "create_refund", "when": {"card": "4111111111111111"}, "do": ["pass"]},
    ],
}
OTHER = {"Authorization": "Bearer sk_test_other"}


def ask(server: ServeProcess, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401 - JSON
    """Send a request, and return the JSON of the reply."""
    raw = None if body is None else json.dumps(body).encode()
    return exchange(server.address, raw_request(method, path, headers, raw)).json


def filled(server: ServeProcess) -> tuple[Any, Any]:
    """Fill two worlds with payments of every status and endpoints, and return their snapshots."""
    for headers in ({}, OTHER):
        for url in ("inbox:orders", "http://127.0.0.1:9/closed"):
            ask(server, "POST", "/_sandbox/webhook_endpoints", {"url": url}, **headers)
        ask(server, "POST", "/_sandbox/scenarios/active", NAMES_A_CARD, **headers)
        for card in ("4111111111111111", "4000000000000002", PENDING):
            ask(server, "POST", "/v3/payments", documented_create(card_number=card), **headers)
        ask(server, "POST", "/_sandbox/clock/advance", {"by": "10m"}, **headers)
    return snapshots(server)


def snapshots(server: ServeProcess) -> tuple[Any, Any]:
    """Return the snapshots of both worlds."""
    path = "/_sandbox/world/snapshot"
    return ask(server, "GET", path), ask(server, "GET", path, **OTHER)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_worlds_are_restored_exactly_by_a_new_server(tmp_path: Path, number: int) -> None:
    """The pending payment settles later on the new server."""
    arguments = ("--state", str(tmp_path / "state"), "--clock", "2030-01-15T10:30:00Z")
    with serve_process(*arguments) as server:
        before = filled(server)
        assert server.stop(number)[0] == 0
    with serve_process(*arguments) as server:
        assert snapshots(server) == before
        happened = ask(server, "POST", "/_sandbox/clock/advance", {"by": "1h"})["happened"]
    assert [each["what"] for each in happened].count("payment.completed") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_loading_a_state_says_of_no_world_that_it_is_gone(tmp_path: Path) -> None:
    """Nobody has used the home world that a start makes."""
    arguments = ("--state", str(tmp_path / "state"))
    with serve_process(*arguments) as server:
        ask(server, "GET", "/v3/payments")
        server.stop()
    with serve_process(*arguments, "--log", "json") as server:
        ask(server, "GET", "/v3/payments")
        server.stop()
        printed, errors = server.rest()
    summary = json.loads(printed.splitlines()[-1])
    assert (errors, summary["worlds"], summary["worlds_gone"]) == ("", 1, 0)


def test_a_snapshot_can_be_restored_in_another_process() -> None:
    """A snapshot of the restored world equals the original."""
    path = "/_sandbox/world/snapshot"
    with serve_process("--clock", "2030-01-15T10:30:00Z") as server:
        before, other = filled(server)
    with serve_process("--seed", "9") as server:
        ask(server, "PUT", path, before)
        ask(server, "PUT", path, other, **OTHER)
        assert snapshots(server) == (before, other)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_missing_or_empty_state_file_is_written_on_exit(
    tmp_path: Path, *, is_there: bool
) -> None:
    """A file may have to exist before the server, for example to be mounted into a container."""
    state = tmp_path / "state"
    if is_there:
        state.touch()
    with serve_process("--state", str(state)) as server:
        assert state.exists() is is_there
        server.stop()
    assert (state.stat().st_size > 0, state.stat().st_mode & 0o777) == (True, 0o600)


def test_a_state_in_use_is_rejected_with_the_pid_of_its_server(tmp_path: Path) -> None:
    """This also covers a symlink to the file; the payments of the first server are kept."""
    (tmp_path / "link").symlink_to("state")
    with serve_process("--state", str(tmp_path / "state")) as server:
        ask(server, "POST", "/v3/payments", documented_create())
        for command in (("serve", "--port", "0"), ("run",)):
            for name in ("state", "link"):
                options = (
                    "--state",
                    str(tmp_path / name),
                    *(["--", "true"] * (command == ("run",))),
                )
                ended = run(*command, *options)
                assert (ended.returncode, ended.stdout) == (2, "")
                assert ended.stderr == (
                    f"payments-sandbox: cannot use {tmp_path / name}:"
                    f" it is in use by pid {server.process.pid}.\n"
                )
        assert server.stop()[0] == 0
    with serve_process("--state", str(tmp_path / "link")) as server:
        assert len(ask(server, "GET", "/v3/payments")["data"]) == 1
        server.stop()
    assert (tmp_path / "link").is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "state"]


def test_a_named_pipe_is_rejected_as_a_state_file(tmp_path: Path) -> None:
    """Opening it would block until somebody writes to it."""
    os.mkfifo(pipe := tmp_path / "pipe")
    ended = run("serve", "--port", "0", "--state", str(pipe))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"payments-sandbox: cannot use {pipe}: expected a regular file: no other kind can be"
        " read back.\n"
    )
    assert pipe.is_fifo()


def test_the_null_device_is_accepted_as_a_state_file_and_keeps_nothing() -> None:
    """The server must not replace the device by a file."""
    with serve_process("--state", os.devnull) as server:
        ask(server, "POST", "/v3/payments", documented_create())
        assert (server.stop()[0], server.rest()) == (0, ("", ""))
    assert Path(os.devnull).is_char_device()


def torn(whole: bytes) -> bytes:
    """Return the content without its last bytes."""
    return whole[:-10]


def changed(whole: bytes) -> bytes:
    """Return the content with one digit changed."""
    return whole.replace(b'"used":3', b'"used":4')


def foreign(_: bytes) -> bytes:
    """Return the content of another kind of file."""
    return b'{"shopping": ["milk"]}\n'


TORN = "it is incomplete or was edited: its checksum does not match"
FOREIGN = "expected a file of format payments-sandbox/state, version 1"


def test_a_torn_changed_or_foreign_file_is_rejected_and_left_unchanged(tmp_path: Path) -> None:
    """The server exits with 2 and the reason before it listens."""
    state = tmp_path / "state"
    with serve_process("--state", str(state), "--clock", "2030-01-15T10:30:00Z") as server:
        filled(server)
        server.stop()
    whole = state.read_bytes()
    for spoil, reason in ((torn, TORN), (changed, TORN), (foreign, FOREIGN)):
        spoiled = spoil(whole)
        assert spoiled != whole
        state.write_bytes(spoiled)
        ended = run("serve", "--port", "0", "--state", str(state))

        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == f"payments-sandbox: cannot use {state}: {reason}.\n"
        assert state.read_bytes() == spoiled


def test_a_world_that_cannot_be_saved_is_logged_and_the_others_are_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is valid without it, and `unsaved` names it."""
    sandbox = assemble(Settings())
    sandbox.runtime.worlds.make("sk_test_good")
    sandbox.runtime.worlds.make("sk_test_bad").journal = None  # type: ignore[assignment]  # a defect
    state = StateFile(tmp_path / "state", sandbox)
    state.save()

    assert state.unsaved == ["sk_test_bad"]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "cannot save the world sk_test_bad, but all others were saved"
    ]
    fresh = assemble(Settings())
    asyncio.run(StateFile(tmp_path / "state", fresh).load())
    keys = {world.config.api_key for world in fresh.runtime.worlds}
    assert keys == {"sk_test_sandbox", "sk_test_good"}


TOLD_TO_STOP = """
import os
from payments_sandbox.cli.state_file import StateFile

begin = StateFile.PART

def told_to_stop(*arguments):
    os.kill(os.getpid(), NUMBER)
    return begin(*arguments)

StateFile.PART = told_to_stop
"""
"""Makes the command send itself a signal when it begins a part of its work."""


@pytest.mark.parametrize(
    ("part", "number"),
    [("_count_lines", signal.SIGINT), ("_restoring", signal.SIGTERM)],
    ids=["reads", "restores"],
)
def test_a_signal_while_loading_leaves_the_state_file_unchanged(
    tmp_path: Path, part: str, number: int
) -> None:
    state = tmp_path / "state"
    with serve_process("--state", str(state)) as server:
        filled(server)
        server.stop(signal.SIGTERM)
    before = state.read_bytes()

    first = TOLD_TO_STOP.replace("PART", part).replace("NUMBER", str(int(number)))
    ended = run("serve", "--port", "0", "--state", str(state), first=first)

    assert (ended.returncode, ended.stdout) == (0, "")
    said = f"payments-sandbox: interrupted while loading {state}; it is unchanged.\n"
    assert ended.stderr == said
    assert state.read_bytes() == before
