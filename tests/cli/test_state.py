"""`serve --state`: worlds outlive their server, exactly; a file that is no state is left alone."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.bodies import documented_create
from tests.support.command import Served, run, served
from tests.support.wire import exchange, request

PENDING = "4000009900000012"
OTHER = {"Authorization": "Bearer sk_test_other"}


def ask(server: Served, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON of a reply."""
    raw = None if body is None else json.dumps(body).encode()
    return exchange(server.address, request(method, path, headers, raw)).json


def filled(server: Served) -> tuple[Any, Any]:
    """The snapshots of two worlds: payments of every status, an endpoint that is down, an inbox."""
    for headers in ({}, OTHER):
        for url in ("inbox:orders", "http://127.0.0.1:9/closed"):
            ask(server, "POST", "/_sandbox/webhook_endpoints", {"url": url}, **headers)
        for card in ("4111111111111111", "4000000000000002", PENDING):
            ask(server, "POST", "/v3/payments", documented_create(card_number=card), **headers)
        ask(server, "POST", "/_sandbox/clock/advance", {"by": "10m"}, **headers)
    return snapshots(server)


def snapshots(server: Served) -> tuple[Any, Any]:
    """Both worlds, whole."""
    path = "/_sandbox/world/snapshot"
    return ask(server, "GET", path), ask(server, "GET", path, **OTHER)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worlds_outlive_their_server(tmp_path: Path, number: int) -> None:
    """What a new server has is what the old one had, and it goes on from there."""
    arguments = ("--state", str(tmp_path / "state"), "--clock", "2030-01-15T10:30:00Z")
    with served(*arguments) as server:
        before = filled(server)
        assert server.stop(number)[0] == 0
    with served(*arguments) as server:
        assert snapshots(server) == before
        happened = ask(server, "POST", "/_sandbox/clock/advance", {"by": "1h"})["happened"]
    assert [each["what"] for each in happened].count("payment.completed") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_snapshot_goes_to_a_server_in_another_process() -> None:
    """Its floats, its webhooks and its journal are there as they were."""
    path = "/_sandbox/world/snapshot"
    with served("--clock", "2030-01-15T10:30:00Z") as server:
        before, other = filled(server)
    with served("--seed", "9") as server:
        ask(server, "PUT", path, before)
        ask(server, "PUT", path, other, **OTHER)
        assert snapshots(server) == (before, other)


def test_a_server_without_a_state_yet(tmp_path: Path) -> None:
    """A file that is not there is one that is still to come."""
    state = tmp_path / "state"
    with served("--state", str(state)) as server:
        assert not state.exists()
        server.stop()
    assert state.exists()


def torn(whole: bytes) -> bytes:
    """All but the last bytes."""
    return whole[:-10]


def changed(whole: bytes) -> bytes:
    """One digit is another."""
    return whole.replace(b'"used":3', b'"used":4')


def foreign(_: bytes) -> bytes:
    """Something else."""
    return b'{"shopping": ["milk"]}\n'


TORN = "it is torn, or was changed by hand: its end does not seal the rest"
FOREIGN = "expected a file of format payments-sandbox/state, version 1"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(torn, TORN), (changed, TORN), (foreign, FOREIGN), (lambda _: b"", FOREIGN)],
)
def test_a_file_that_is_no_state(tmp_path: Path, spoil: Any, reason: str) -> None:  # noqa: ANN401 - a function
    """Exit 2 with the reason before it listens; the file is left as it is."""
    state = tmp_path / "state"
    with served("--state", str(state), "--clock", "2030-01-15T10:30:00Z") as server:
        filled(server)
        server.stop()
    spoiled = spoil(state.read_bytes())
    assert spoiled != state.read_bytes()
    state.write_bytes(spoiled)
    ended = run("serve", "--port", "0", "--state", str(state))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"payments-sandbox: cannot use {state}: {reason}.\n"
    assert state.read_bytes() == spoiled
