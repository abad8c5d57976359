"""Wire faults through a server that does not own the key: byte for byte as from the owner."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import Final, NamedTuple

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.shared import FRONT, SharingServers, Way, sharing_servers
from tests.support.sockets import (
    BlockingConnection,
    connected,
    exchange,
    new_loop,
    raw_request,
)
from tests.support.values import FAULT_SPELLINGS, documented_create, fault_card, fault_cards

LAST: Final = {"Connection": "close"}
NUMBERS: Final = count()


@pytest.fixture(
    scope="module",
    params=[(way, loop) for way in Way for loop in ("asyncio", "uvloop")],
    ids="-".join,
)
def servers(request: pytest.FixtureRequest) -> Iterator[SharingServers]:
    """Two servers that delay nothing by more than 100 ms."""
    way, loop = request.param
    settings = Settings(port=0, max_wall_delay=100)
    with sharing_servers(
        way, settings=settings, rules=fault_cards(), new_loop=new_loop(loop)
    ) as both:
        yield both


def fresh(servers: SharingServers) -> str:
    """Return the key of a new world, created in front; all such worlds are equal."""
    key = f"sk_test_fresh{next(NUMBERS)}"
    world = {"api_key": key, "seed": 7, "clock": "2030-01-15T10:30:00Z"}
    made = exchange(
        servers.front.address,
        raw_request("POST", "/_sandbox/worlds", body=json.dumps(world).encode()),
    )
    assert (made.status, made.json["api_key"]) == (201, key)
    return key


def create(key: str, card: str, **headers: str) -> bytes:
    """Return the bytes of a request that creates a payment."""
    body = json.dumps(documented_create(card_number=card)).encode()
    return raw_request("POST", "/v3/payments", {"Authorization": f"Bearer {key}", **headers}, body)


class Asked(NamedTuple):
    """The connections of a create with a fault, sent four times.

    Attributes:
        direct: to the owner of the key.
        first: through the front server, on a new connection.
        second: the same on a connection used before with a key of the front server.
        behind: the same in one segment with a request that has such a key.
    """

    direct: BlockingConnection
    first: BlockingConnection
    second: BlockingConnection
    behind: BlockingConnection


def asked(servers: SharingServers, step: str, wires: ExitStack) -> Asked:
    """Send the creates with a fault without waiting for a reply."""
    closing = LAST if step.startswith("drip") else {}
    own = raw_request("GET", "/v3/payments", {"Authorization": f"Bearer {FRONT}"})
    places = (servers.owner, servers.front, servers.front, servers.front)
    sent = Asked(*(wires.enter_context(connected(each.address)) for each in places))
    sent.second.send(own)
    assert sent.second.reply().status == 200
    for wire in sent:
        before = own if wire is sent.behind else b""
        wire.send(before + create(fresh(servers), fault_card(step), **closing))
    assert sent.behind.reply().status == 200
    return sent


def came(wire: BlockingConnection) -> tuple[list[bytes], bool]:
    """Return what arrives until the connection ends, without dates, and whether an RST ended it."""
    raw, is_reset = wire.rest()
    return [line for line in raw.split(b"\r\n") if not line.startswith(b"Da")], is_reset


def test_wire_faults_are_the_same_through_a_server_that_does_not_own_the_key(
    servers: SharingServers,
) -> None:
    """On a new connection, on a used one, and behind a request with another key."""
    with ExitStack() as wires:
        under_way = {step: asked(servers, step, wires) for step in FAULT_SPELLINGS}
        ended = {step: [came(wire) for wire in sent] for step, sent in under_way.items()}
    assert ended == {step: [direct] * 4 for step, (direct, *_) in ended.items()}
