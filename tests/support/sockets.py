"""Owns a server in a thread, blocking clients, and clients that send bytes."""

import asyncio
import contextlib
import json
import logging
import select
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import pytest
import requests

from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.magic_cards import CARD_RULES
from payments_sandbox.rules.model import CardRule
from payments_sandbox.rules.rule_engine import index_card_rules
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.http_server import listening
from payments_sandbox.server.listening.listeners import ListeningAt
from payments_sandbox.testing import Sandbox
from tests.support.http import Api
from tests.support.values import HOLD, KEY, LONGEST_WAIT, documented_create

WHAT_IS_HTTP = b"""\
This is not a valid HTTP request, or its body is not framed as its headers say.
The sandbox speaks HTTP/1.1 and 1.0, and TLS if it was started with --tls. A request has one Host,
at most one User-Agent and one Content-Type, and at most 128 header lines of at most 8190 bytes
each. Its body has one Content-Length, or is chunked.
"""
"""The body of the answer to something that is not HTTP."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A listening sandbox; access its worlds only while no request is in flight."""

    at: ListeningAt
    sandbox: AssembledServer

    @property
    def address(self) -> str:
        """The HTTP address, which may serve TLS too."""
        return self.at.url.replace("https://", "http://", 1)

    @property
    def base_url(self) -> str:
        """The URL of the emulated API."""
        return f"{self.address}/v3"


def with_card_rules(sandbox: AssembledServer, rules: Iterable[CardRule]) -> AssembledServer:
    """Return the sandbox, with these card rules added to those of the magic cards."""
    worlds = sandbox.runtime.worlds
    worlds.context = worlds.context._replace(card_rules=index_card_rules([*CARD_RULES, *rules]))
    worlds.release(worlds.home)
    worlds.make(DEFAULT_API_KEY)
    return sandbox


@contextlib.contextmanager
def running_server(
    settings: Settings | None = None,
    *,
    rules: Iterable[CardRule] = (),
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    assembling: Callable[[Settings], AssembledServer] = assemble,
    listens: Callable[[AssembledServer], AbstractAsyncContextManager[ListeningAt]] = listening,
) -> Iterator[RunningServer]:
    """Serve on a free port until the block ends; `rules` are as for `with_card_rules`."""
    sandbox = assembling(settings or Settings(port=0, max_wall_delay=100))
    if rules:
        with_card_rules(sandbox, rules)
    ready = threading.Event()
    shared: dict[str, object] = {}

    async def serve() -> None:
        stop = asyncio.Event()
        async with listens(sandbox) as at:
            shared.update(at=at, loop=asyncio.get_running_loop(), stop=stop)
            ready.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(LONGEST_WAIT), "the sandbox did not start"
    at, loop, stop = shared["at"], shared["loop"], shared["stop"]
    assert isinstance(at, ListeningAt)
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert isinstance(stop, asyncio.Event)
    try:
        yield RunningServer(at, sandbox)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(LONGEST_WAIT)
        assert not thread.is_alive(), "the sandbox did not stop"


@dataclass(frozen=True, slots=True)
class RawReply:
    """One reply as received."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body's JSON value."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        """Whether the server announces that it closes the connection."""
        return self.headers.get("connection") == "close"

    @property
    def is_the_transports(self) -> bool:
        """Whether it is the answer to something that is not HTTP, without any echo of it."""
        return (self.status, self.body) == (400, WHAT_IS_HTTP) and {**self.headers, "date": ""} == {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(WHAT_IS_HTTP)),
            "server": "payments-sandbox",
            "date": "",
            "connection": "close",
        }


class BlockingConnection:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(raw)

    def reply(self, *, to_head: bool = False) -> RawReply:
        """Read the next reply, also an interim one; a reply to HEAD has no body."""
        first = self._stream.readline()
        assert first.startswith(b"HTTP/"), f"not a reply: {first!r}"
        headers = dict(self._headers())
        size = 0 if to_head else int(headers.get("content-length", "0"))
        body = self._stream.read(size)
        return RawReply(int(first.split()[1]), headers, body)

    def is_silent_for(self, seconds: float) -> bool:
        """Return whether no byte arrives for some seconds."""
        readable, _, _ = select.select([self._connection], [], [], seconds)
        return not readable

    def ends(self) -> bool:
        """Wait until the server closes, and return whether it sent no other byte."""
        return self._stream.read(1) == b""

    def rest(self) -> tuple[bytes, bool]:
        """Return everything until the server closes, and whether it did so with an RST."""
        came = b""
        try:
            while more := self._stream.read1():
                came += more
        except ConnectionResetError:
            return came, True
        return came, False

    def finish(self) -> None:
        """Close the sending side."""
        self._connection.shutdown(socket.SHUT_WR)

    def leave(self) -> None:
        """Close the connection at once."""
        self._stream.close()
        self._connection.close()

    def _headers(self) -> Iterator[tuple[str, str]]:
        while (line := self._stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()


@contextmanager
def connected(address: str) -> Iterator[BlockingConnection]:
    """Connect to an address such as `http://127.0.0.1:8080` until the block ends."""
    target = urlsplit(address)
    with socket.create_connection(
        (target.hostname, target.port), timeout=LONGEST_WAIT
    ) as connection:
        wire = BlockingConnection(connection)
        try:
            yield wire
        finally:
            wire.leave()


def exchange(address: str, raw: bytes) -> RawReply:
    """Send bytes on a new connection, and return one reply."""
    with connected(address) as wire:
        wire.send(raw)
        return wire.reply(to_head=raw.startswith(b"HEAD "))


def raw_request(
    method: str,
    target: str,
    headers: Mapping[str, str | None] | None = None,
    body: bytes | None = None,
) -> bytes:
    """Return a well-framed request with the default key; None removes a header."""
    lines: dict[str, str | None] = {
        "Host": "127.0.0.1",
        "Authorization": "Bearer sk_test_sandbox",
    }
    if body is not None:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines |= headers or {}
    head = [f"{method} {target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in lines.items() if value is not None]
    text = "\r\n".join(head).encode("utf-8", "surrogateescape")
    return text + b"\r\n\r\n" + (body or b"")


@contextmanager
def saying(raw: bytes | None) -> Iterator[str]:
    """Run another kind of server, which answers one request with bytes, or never for None."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listener.settimeout(LONGEST_WAIT)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                if raw is None:
                    connection.recv(1)  # until the client closes
                else:
                    connection.sendall(raw)

        done = threads.submit(serve)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        done.result()


class ReadToEnd(NamedTuple):
    """The bytes until the connection ended, and whether it ended with an RST."""

    came: bytes
    is_reset: bool


class RawConnection:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def head(self) -> bytes:
        """Return the bytes up to the end of the next head."""
        async with asyncio.timeout(LONGEST_WAIT):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> ReadToEnd:
        """Return all bytes until the server closes."""
        came = b""
        async with asyncio.timeout(LONGEST_WAIT):
            try:
                while more := await self._reader.read(65_536):
                    came += more
            except ConnectionResetError:
                return ReadToEnd(came, is_reset=True)
        return ReadToEnd(came, is_reset=False)

    def leave(self) -> None:
        """Close the connection at once."""
        self._writer.close()


@asynccontextmanager
async def raw_connection(api: Api, raw: bytes) -> AsyncIterator[RawConnection]:
    """Open a connection, and send bytes on it."""
    reader, writer = await asyncio.open_connection(api.host, api.port)
    speaker = RawConnection(reader, writer)
    try:
        writer.write(raw)
        yield speaker
    finally:
        speaker.leave()


async def raw_exchange(api: Api, raw: bytes) -> ReadToEnd:
    """Send bytes on a new connection, and return everything until it ends."""
    async with raw_connection(api, raw) as speaker:
        return await speaker.rest()


def raw_create(card: str) -> bytes:
    """Return a create with `Connection: close`."""
    body = json.dumps(documented_create(card_number=card)).encode()
    return raw_request("POST", "/v3/payments", {"Connection": "close"}, body)


@contextmanager
def held_create(address: str, headers: Mapping[str, str | None] | None = None) -> Iterator[str]:
    """Make a create that is held until the block ends, and yield its id."""
    _activate([HOLD], address, headers)
    try:
        # A held call of an earlier client may still exist, if its end was not noticed yet.
        before = _held(address, headers)
        with connected(address) as wire:
            wire.send(raw_create("4111111111111111"))
            while not (new := _held(address, headers) - before):
                assert wire.is_silent_for(0), wire.reply()
            yield new.pop()
    finally:
        _activate([], address, headers)  # otherwise a reset world would hold the next create


def _activate(
    scenarios: list[object], address: str, headers: Mapping[str, str | None] | None
) -> None:
    body = json.dumps(scenarios).encode()
    put = exchange(address, raw_request("PUT", "/_sandbox/scenarios/active", headers, body))
    assert put.status == 200, put.body


def _held(address: str, headers: Mapping[str, str | None] | None) -> set[str]:
    """Return the ids of the held calls."""
    page = exchange(address, raw_request("GET", "/_sandbox/held", headers)).json
    return {each["id"] for each in page["data"]}


RATE_LIMIT_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


@contextmanager
def server_unharmed(server: RunningServer, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Assert that the block changes no payments or worlds and logs no traceback."""
    before = _facts(server)
    yield
    journal = exchange(server.address, raw_request("GET", "/_sandbox/requests?limit=1"))
    assert (journal.status, _facts(server)) == (200, before)
    assert [entry for entry in caplog.records if _is_alarming(entry)] == []


def rate_limit_of(reply: RawReply) -> Mapping[str, bool]:
    """Return for each rate-limit header whether it is a whole number."""
    return {name: reply.headers.get(name, "").isdecimal() for name in RATE_LIMIT_HEADERS}


def _facts(server: RunningServer) -> tuple[object, ...]:
    worlds = server.sandbox.runtime.worlds
    ledger = worlds.get_or_create(KEY).ledger
    return dict(ledger.payments.counts), ledger.refunds, ledger.events, len(worlds)


def _is_alarming(entry: logging.LogRecord) -> bool:
    return entry.levelno >= logging.ERROR or entry.exc_info is not None


class WorldClient:
    """A new world, by default frozen in 2030, and a session that uses it."""

    def __init__(self, server: RunningServer, clock: str = "2030-01-15T10:30:00Z") -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False  # looking for proxies takes longer than a request
        made = self.session.post(
            f"{server.address}/_sandbox/worlds", json={"clock": clock}, timeout=LONGEST_WAIT
        )
        self.key: str = made.json()["api_key"]
        self.session.headers["Authorization"] = f"Bearer {self.key}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.session.close()

    @property
    def payments_url(self) -> str:
        """The URL for creating and listing payments."""
        return f"{self.server.base_url}/payments"

    def pay(self, **changes: Any) -> requests.Response:  # noqa: ANN401 - JSON
        """Return the reply to the documented create, with changes to its body."""
        body = documented_create(**changes)
        return self.session.post(self.payments_url, json=body, timeout=LONGEST_WAIT)

    def control(self, method: str, path: str, json: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call the control API, and return the JSON of its answer."""
        url = f"{self.server.address}/_sandbox/{path}"
        reply = self.session.request(method, url, json=json, timeout=LONGEST_WAIT)
        assert reply.ok, reply.text
        return reply.json()

    def counts(self) -> dict[str, int]:
        """Return the number of payments by status, without zeros."""
        counts = self.control("GET", "world")["payments"]
        return {status: count for status, count in counts.items() if count}

    def events(self) -> list[str]:
        """Return the types of all events, oldest first."""
        return [event["type"] for event in self.control("GET", "events")["data"]][::-1]

    def advance(self, by: str) -> list[str]:
        """Advance the clock, and return what happened, in order."""
        happened = self.control("POST", "clock/advance", {"by": by})["happened"]
        return [each["what"] for each in happened]

    def last_request(self) -> dict[str, Any]:
        """Return the newest journal entry."""
        (entry,) = self.control("GET", "requests?limit=1")["data"]
        return dict(entry)


def pay(world: Sandbox, status: int = 201, **changes: object) -> dict[str, Any]:
    """Send the documented create with changes, assert the status, and return the reply."""
    body = json.dumps(documented_create(**changes)).encode()
    reply = exchange(world.base_url, raw_request("POST", "/v3/payments", world.headers, body))
    assert reply.status == status, reply
    found: dict[str, Any] = reply.json
    return found


class WaitingClient:
    """A client that pays in its own thread, and waits for the reply."""

    def __init__(self, world: Sandbox, **changes: object) -> None:
        self._world = world
        self._body = documented_create(**changes)
        self._got: object = "no reply"
        self._thread = threading.Thread(target=self._pay)
        self._thread.start()

    def _pay(self) -> None:
        url = f"{self._world.base_url}/payments"
        with contextlib.suppress(requests.ConnectionError):
            reply = requests.post(url, json=self._body, headers=self._world.headers, timeout=600)
            made = reply.json()
            self._got = made.get("status") or made["error"]["code"]

    def answer(self) -> object:
        """Return the status of its payment, the error code, or `no reply`."""
        self._thread.join(LONGEST_WAIT)
        return self._got


def new_loop(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of an event loop, or skip the test if it is not installed."""
    if name == "asyncio":
        return None
    if find_spec("uvloop") is None:
        pytest.skip("there is no uvloop for this system")
    from uvloop import new_event_loop  # noqa: PLC0415 - only where it is installed

    maker: Callable[[], asyncio.AbstractEventLoop] = new_event_loop
    return maker
