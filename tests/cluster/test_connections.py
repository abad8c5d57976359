"""Connections of keys that another server owns: their replies equal those of a single process."""

import json
import re
import threading
from asyncio import BaseTransport
from collections.abc import Awaitable, Iterator, Sequence
from typing import Final

import pytest
from aiohttp.web import BaseRequest, StreamResponse

from payments_sandbox.cluster.connection import MovableConnection
from payments_sandbox.cluster.handler import OwnerHandler
from payments_sandbox.core.settings import Settings
from tests.support.shared import FRONT, SharingServers, Way, sharing_servers
from tests.support.sockets import (
    RunningServer,
    connected,
    exchange,
    new_loop,
    raw_request,
    running_server,
)
from tests.support.tables import for_each
from tests.support.values import documented_create

SETTINGS: Final = Settings(port=0, max_wall_delay=100)
OURS: Final = "sk_test_front_"
"""Replaced by a key of the same length that the front server owns."""

THEIRS: Final = "sk_test_owner_"
"""Replaced by a key of the same length that the other server owns."""

LIVE: Final = raw_request("GET", "/_sandbox/live")
NEW: Final = {"clock": "2030-01-15T10:30:00Z"}
JUNK: Final = b"j\0nk 4111111111111111\r\n\r\n"


def listed(key: str, **headers: str | None) -> bytes:
    """Return a request for the list of payments."""
    return raw_request("GET", "/v3/payments", {"Authorization": f"Bearer {key}", **headers})


def paid(key: str, **headers: str | None) -> bytes:
    """Return a request that creates a payment."""
    body = json.dumps(documented_create()).encode()
    return raw_request("POST", "/v3/payments", {"Authorization": f"Bearer {key}", **headers}, body)


def made(key: str, body: object) -> bytes:
    """Return a request for a new world; the key in its head does not decide who owns it."""
    headers = {"Authorization": f"Bearer {key}"}
    return raw_request("POST", "/_sandbox/worlds", headers, json.dumps(body).encode())


def chunked(key: str) -> bytes:
    """Return a request that creates a payment, with a chunked body."""
    body = json.dumps(documented_create()).encode()
    head = paid(key, **{"Content-Length": None, "Transfer-Encoding": "chunked"})
    framed = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (body[:50], body[50:]))
    return head.removesuffix(body) + framed + b"0\r\n\r\n"


def halves(raw: bytes, at: int | None = None) -> list[bytes]:
    """Split bytes into two segments, in the middle unless told where."""
    at = len(raw) // 2 if at is None else at
    return [raw[:at], raw[at:]]


LARGE: Final = raw_request(
    "POST",
    "/v3/payments",
    {"Authorization": f"Bearer {THEIRS}"},
    json.dumps(documented_create() | {"padding": "x" * 60_000}).encode(),
)
SCRIPTS: Final[dict[str, Sequence[bytes]]] = {
    "a key of the other": [paid(THEIRS), listed(THEIRS)],
    "alternating keys": [paid(OURS), paid(THEIRS), listed(OURS), listed(THEIRS), listed(OURS)],
    "a head in pieces": [listed(OURS), *halves(listed(THEIRS), 30), *halves(paid(THEIRS), 60)],
    "a body in pieces": [paid(OURS), *halves(paid(THEIRS), len(paid(THEIRS)) - 20)],
    "a body after its head": halves(paid(THEIRS), paid(THEIRS).find(b"\r\n\r\n") + 4),
    "a chunked body": [listed(OURS), chunked(THEIRS)],
    "a chunked body in pieces": [listed(OURS), *halves(chunked(THEIRS))],
    "a body that ends like a head": [
        paid(OURS).replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n") + b"\r\n\r\n" + listed(THEIRS)
    ],
    "expect 100-continue": halves(
        paid(THEIRS, Expect="100-continue"),
        paid(THEIRS, Expect="100-continue").find(b"\r\n\r\n") + 4,
    ),
    "a large body": [listed(OURS), LARGE, listed(OURS)],
    "a large body in pieces": [listed(OURS), *halves(LARGE), listed(OURS)],
    "junk after an own request": [listed(OURS) + JUNK],
    "junk after a request of the other": [listed(THEIRS) + JUNK],
    "junk": [JUNK],
    "no key": [listed(OURS, Authorization=None), listed(THEIRS)],
    "an invalid key": [listed("sk_live_1"), listed(THEIRS)],
    "no Bearer": [listed(OURS, Authorization=f"Basic {THEIRS}"), listed(THEIRS)],
    "two Authorization headers": [
        listed(THEIRS).replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer x\r\n\r\n")
    ],
    "HEAD": [listed(THEIRS).replace(b"GET", b"HEAD")],
    "HTTP/1.0": [listed(THEIRS).replace(b"HTTP/1.1", b"HTTP/1.0")],
    "an unknown path": [listed(THEIRS).replace(b"/v3/payments", b"/v3/nothing")],
    "control API": [raw_request("GET", "/_sandbox/events", {"Authorization": f"Bearer {THEIRS}"})],
    "a new world of the other": [
        made(OURS, NEW | {"api_key": f"{THEIRS}new"}),
        listed(f"{THEIRS}new"),
    ],
    "a new world of its own": [made(THEIRS, NEW | {"api_key": f"{OURS}new"}), listed(f"{OURS}new")],
    "a new world in pieces": halves(made(OURS, NEW | {"api_key": f"{THEIRS}new"}), 150),
    "an existing world": [made(OURS, {"api_key": THEIRS}), listed(OURS)],
    "an invalid world": [made(OURS, {"api_key": f"{THEIRS}new", "clock": 1}), listed(OURS)],
    "an unknown key of the other": [listed(f"{THEIRS}_unknown"), listed(OURS)],
    "a foreign host": [listed(THEIRS, Host="evil.test"), listed(OURS)],
}
"""The segments that are sent one after the other, by name."""

AT_ONCE: Final[dict[str, Sequence[bytes]]] = {
    "two keys in a segment": [listed(OURS) + listed(THEIRS)],
    "two keys in a segment, the other first": [paid(THEIRS) + paid(OURS)],
    "many in a segment": [(paid(OURS) + paid(THEIRS)) * 3 + listed(OURS) + listed(THEIRS)],
    "three of one key, then one of each": [paid(OURS) * 3, paid(OURS) + paid(THEIRS)],
    "a request and half of another": halves(paid(OURS) + paid(THEIRS), len(paid(OURS)) + 40),
    "line breaks before requests": [b"\r\n" + paid(OURS), b"\r\n\r\n" + paid(THEIRS)],
    "a new world between two requests": [
        listed(OURS) + made(OURS, NEW | {"api_key": f"{THEIRS}new"}) + listed(THEIRS)
    ],
}
"""Pipelined requests with keys of both servers, by name."""


@pytest.fixture(
    scope="module",
    params=[(way, loop) for way in Way for loop in ("asyncio", "uvloop")],
    ids="-".join,
)
def servers(request: pytest.FixtureRequest) -> Iterator[SharingServers]:
    """Two servers, of which the front one owns few keys."""
    way, loop = request.param
    with sharing_servers(way, settings=SETTINGS, new_loop=new_loop(loop)) as both:
        yield both


def answered(server: RunningServer, segments: Sequence[bytes], number: int) -> tuple[str, bool]:
    """Return what arrives, without what depends on wall time, and whether an RST ended it."""
    ours, theirs = (f"{key[:-5]}{number:05}" for key in (OURS, THEIRS))
    for key in (ours, theirs):
        world = {"api_key": key, "seed": 7, "clock": "2030-01-15T10:30:00Z"}
        raw = raw_request("POST", "/_sandbox/worlds", body=json.dumps(world).encode())
        assert exchange(server.address, raw).status == 201
    with connected(server.address) as wire:
        for segment in segments:
            exchange(server.address, LIVE)  # what was sent before has been read
            wire.send(
                segment.replace(OURS.encode(), ours.encode()).replace(
                    THEIRS.encode(), theirs.encode()
                )
            )
        wire.finish()
        came, is_reset = wire.rest()
    text = re.sub(r"http://127\.0\.0\.1(:\d+)?", "ADDRESS", came.decode("latin-1"))
    text = re.sub(
        r'"seed":\d+|"created_at":"[^"]*","clock|whsec_[^"]*|Content-Length: \d+', "…", text
    )
    # A server that has the body already does not ask for it.
    text = text.removeprefix("HTTP/1.1 100 Continue\r\n\r\n")
    # Whether the last reply has "Connection: close" depends on when the FIN is read.
    return re.sub(r"(Date|Connection): [^\r]*\r\n", "", text), is_reset


@pytest.fixture(scope="module")
def of_one_process() -> dict[str, tuple[str, bool]]:
    """The replies of a single server that owns all keys, by the name of the segments."""
    with running_server(SETTINGS) as alone:
        return {
            script: answered(alone, segments, number)
            for number, (script, segments) in enumerate({**SCRIPTS, **AT_ONCE}.items())
        }


@for_each("script", SCRIPTS)
def test_replies_through_a_server_that_does_not_own_the_key_equal_those_of_one_process(
    servers: SharingServers, of_one_process: dict[str, tuple[str, bool]], script: str
) -> None:
    """To the byte, and in the way in which the connection ends."""
    through = answered(servers.front, SCRIPTS[script], list(SCRIPTS).index(script))
    assert through == of_one_process[script]
    assert through[0].startswith("HTTP/1.")


@for_each("script", AT_ONCE)
def test_pipelined_requests_of_two_owners_are_answered_as_by_one_process(
    servers: SharingServers, of_one_process: dict[str, tuple[str, bool]], script: str
) -> None:
    """To the byte, as from one process."""
    number = len(SCRIPTS) + list(AT_ONCE).index(script)
    assert answered(servers.front, AT_ONCE[script], number) == of_one_process[script]


def test_chunked_requests_of_two_owners_are_answered_on_one_connection(
    servers: SharingServers,
) -> None:
    """Each is sent after the reply to the one before."""
    with connected(servers.front.address) as wire:
        for raw, status in ((chunked(OURS), 201), (chunked(THEIRS), 201), (listed(THEIRS), 200)):
            wire.send(raw)
            assert wire.reply().status == status


def test_a_connection_is_passed_to_its_owner_before_the_front_server_handles_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new connection begins at its owner only; a used one moves before the parser reads."""
    begun: list[int] = []
    read: list[int] = []
    begin, handle = MovableConnection.connection_made, OwnerHandler.__call__

    def begins(self: MovableConnection, transport: BaseTransport) -> None:
        begun.append(threading.get_ident())
        begin(self, transport)

    def handles(self: OwnerHandler, request: BaseRequest) -> Awaitable[StreamResponse]:
        read.append(threading.get_ident())
        return handle(self, request)

    monkeypatch.setattr(MovableConnection, "connection_made", begins)
    monkeypatch.setattr(OwnerHandler, "__call__", handles)
    with sharing_servers(Way.PASSED, settings=SETTINGS) as servers:
        for keys in ((THEIRS,), (FRONT, FRONT, THEIRS)):
            with connected(servers.front.address) as wire:
                for key in keys:
                    wire.send(listed(key))
                    assert wire.reply().status == 200
    owner, front, _ = begun
    assert begun == [owner, front, owner]
    assert read == [owner, front, front, owner]
