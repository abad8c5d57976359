"""Compares the bytes of every fault with those of the real reply, on each event loop."""

import json
from collections.abc import Iterator
from typing import Final

import pytest
import requests

from payments_sandbox.core.settings import Settings
from payments_sandbox.core.tls_options import TlsChoice
from payments_sandbox.rules.faults.reply import KeepOpen, PlanStep, RealReply, Reset, Send
from tests.support.sockets import (
    RunningServer,
    connected,
    new_loop,
    raw_request,
    running_server,
)
from tests.support.tables import for_each
from tests.support.tls import End, tls_connected, trusting
from tests.support.values import (
    FAULT_SPELLINGS,
    LONGEST_WAIT,
    documented_create,
    fault_card,
    fault_cards,
    fault_of,
)

GOOD: Final = "4111111111111111"
LAST: Final = {"Connection": "close"}


@pytest.fixture(
    scope="module", params=["asyncio", "uvloop", "asyncio under TLS", "uvloop under TLS"]
)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server that holds nothing longer than a tenth of a second."""
    loop, _, tls = request.param.partition(" ")
    settings = Settings(port=0, max_wall_delay=100, tls=TlsChoice() if tls else None)
    with running_server(settings, rules=fault_cards(), new_loop=new_loop(loop)) as server:
        yield server


def fresh(server: RunningServer) -> str:
    """Return the key of a new world, equal to every other such world."""
    world = {"seed": 7, "clock": "2030-01-15T10:30:00Z"}
    made = requests.post(f"{server.address}/_sandbox/worlds", json=world, timeout=LONGEST_WAIT)
    return str(made.json()["api_key"])


def create(key: str, card: str, **headers: str) -> bytes:
    """Return a create as it goes over the wire."""
    body = json.dumps(documented_create(card_number=card)).encode()
    named = {"Authorization": f"Bearer {key}", **headers}
    return raw_request("POST", "/v3/payments", named, body)


def answered(server: RunningServer, raw: bytes) -> tuple[bytes, End]:
    """Return all bytes until the connection ends, and how it ended."""
    if server.at.authority is None:
        with connected(server.address) as wire:
            wire.send(raw)
            came, is_reset = wire.rest()
            return came, "RST" if is_reset else "FIN"
    with tls_connected(server.at.url, trusting(server.at.authority)) as wire:
        wire.send(raw)
        return wire.rest()


@pytest.fixture(scope="module")
def real(server: RunningServer) -> RealReply:
    """The reply to a create without any fault, in a world equal to every `fresh` one."""
    raw, _ = answered(server, create(fresh(server), GOOD, **LAST))
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    for name in ("Content-Length", "Date", "Connection"):
        del headers[name]
    date = "Tue, 15 Jan 2030 10:30:00 GMT"  # as long as any other: a head may break off in it
    return RealReply(int(first.split()[1]), headers, body, date=date, seed=7, max_wait=100)


def plan(real: RealReply, step: str, *, connection: str = "") -> list[PlanStep]:
    """Return what the fault of a step does to that reply."""
    return list(fault_of(step).plan(real._replace(connection=connection)))


@for_each("step", FAULT_SPELLINGS)
def test_each_fault_sends_the_bytes_of_its_plan_and_ends_as_planned(
    server: RunningServer, real: RealReply, step: str
) -> None:
    """To the byte except the date; under TLS, a fault sends no close_notify."""
    actions = plan(real, step, connection="close")
    closing = LAST if KeepOpen() in actions else {}
    came, end = answered(server, create(fresh(server), fault_card(step), **closing))

    sent = b"".join(each.data for each in actions if isinstance(each, Send))
    assert _undated(came) == _undated(sent)
    if KeepOpen() in actions and server.at.authority is not None:
        assert end == "close_notify"
    else:
        assert end == ("RST" if Reset() in actions else "FIN")


def _head_of(step: str) -> str:
    return step.partition(":")[0]


def test_garbage_bytes_are_equal_for_equal_seeds_and_differ_between_requests(
    server: RunningServer,
) -> None:
    """None of it is HTTP."""
    card = fault_card("malform: {as: garbage}")
    twins = [fresh(server), fresh(server)]
    came = [answered(server, create(key, card)) for key in [*twins, *twins]]

    assert came[:2] == [came[0]] * 2
    assert came[2:] == [came[2]] * 2
    assert came[0] != came[2]
    assert not came[0][0].startswith(b"HTTP")


@for_each("step", FAULT_SPELLINGS)
def test_a_request_pipelined_after_a_fault_is_answered_only_if_it_keeps_the_connection(
    server: RunningServer, real: RealReply, step: str
) -> None:
    """Otherwise it is neither read nor counted."""
    key = fresh(server)
    both = create(key, fault_card(step)) + create(key, GOOD, **LAST)
    alone, _ = answered(server, create(fresh(server), fault_card(step), **LAST))
    came, _ = answered(server, both)

    if KeepOpen() in plan(real, step):
        assert came.count(b"HTTP/1.1 201 Created") == 2
        assert _journal(server, key) == [None, _head_of(step)]
    else:
        assert _undated(came) == _undated(alone)
        assert _journal(server, key) == [_head_of(step)]


def _undated(raw: bytes) -> list[bytes]:
    """Return the lines except the date, which may be cut off where the head is."""
    return [line for line in raw.split(b"\r\n") if not line.startswith(b"Da")]


def _journal(server: RunningServer, key: str) -> list[str | None]:
    """Return the faults of a world's requests, newest first."""
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{server.address}/_sandbox/requests"
    entries = requests.get(url, headers=headers, timeout=LONGEST_WAIT).json()["data"]
    return [entry["fault"] for entry in entries]
