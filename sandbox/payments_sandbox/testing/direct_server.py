"""Owns a server that answers within the call: without a socket, an event loop or a thread.

1. The request is made by hand and given to the handler that serves sockets, so guards, routes,
   both APIs and every refusal are the same. Its coroutine is run to its end at once by `run_now`.
2. What would wait is replaced by parts that do not, which `DIRECT_PARTS` lists. A webhook is
   attempted when it is released; a wait for something to happen is over at once, for nobody else
   acts meanwhile; what has fallen due on a live clock happens with the next call.
3. A reply of the emulated API is not sent but described (`DirectReply`): the wall time that it
   takes, and the plan of its fault. `play` says what a client with a read timeout gets of it.
4. One call is answered after the other. While a receiver handles a webhook, others may call.
"""

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, assert_never, cast

from aiohttp import HttpVersion11, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from payments_sandbox.api.call import Answer, Call
from payments_sandbox.core import strict_json
from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.faults.reply import (
    Close,
    KeepOpen,
    PlanStep,
    RealReply,
    Reset,
    Send,
    WaitUntil,
)
from payments_sandbox.server.change_notifier import ChangeNotifier, Subscriber
from payments_sandbox.server.control.api import ControlApi
from payments_sandbox.server.emulated_api import EmulatedApi
from payments_sandbox.server.factory import PartTypes, assemble
from payments_sandbox.server.live_timers import LiveTimers
from payments_sandbox.server.response import EVERY_REPLY, JsonResponse
from payments_sandbox.server.webhooks.dispatcher import Dispatcher, Sender
from payments_sandbox.server.world_runtime import RuntimePartTypes
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    import asyncio

    from aiohttp.streams import StreamReader
    from aiohttp.web_protocol import RequestHandler as AiohttpProtocol

T = TypeVar("T")


class DirectRequest(NamedTuple):
    """A request to a server.

    Attributes:
        method: of HTTP.
        target: path and query, as they stand in a request line.
        headers: every header line, in order, `Host` among them.
        body: the whole body.
        read_timeout: seconds of silence that its client bears; None is any number.
    """

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    read_timeout: float | None = None


class Ending(Enum):
    """What becomes of the connection after the last byte."""

    OPEN = auto()
    CLOSED = auto()
    RESET = auto()
    TIMED_OUT = auto()


class Exchange(NamedTuple):
    """What a client gets: the bytes that a socket would carry, and what follows them."""

    chunks: list[bytes]
    ending: Ending


class DirectServer:
    """A server put together without the parts that wait.

    Args:
        settings: as for a server on a socket; host and port mean nothing here.
        make_sender: makes what posts webhooks to urls; given what lets others call meanwhile.
    """

    def __init__(
        self, settings: Settings, make_sender: Callable[[Callable[[], Any]], Sender]
    ) -> None:
        self._lock = threading.Lock()
        self._is_closed = False
        self._max_wait = settings.max_wall_delay
        self.sandbox: Final = assemble(
            settings, make_sender=lambda: make_sender(self._unlocked), part_types=DIRECT_PARTS
        )

    def exchange(self, asked: DirectRequest) -> Exchange:
        """Answer a request, and let its webhooks be delivered.

        Raises:
            RuntimeError: the server is closed.
        """
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this sandbox is closed")
            connection = _Connection()
            request = _request(asked, connection)
            response = run_now(self.sandbox.handler(request))
            if isinstance(response, DirectReply):
                return play(response, request, asked.read_timeout, self._max_wait)
            run_now(_send(response, request))
            ending = Ending.OPEN if response.keep_alive is not False else Ending.CLOSED
            return Exchange(connection.chunks, ending)

    def close(self) -> None:
        """Answer nobody any more."""
        self._is_closed = True

    @contextmanager
    def _unlocked(self) -> Iterator[None]:
        """Let other calls be answered, such as those of a receiver of webhooks."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; when it lets others go first, nobody is there.

    Raises:
        RuntimeError: it waits for something that only an event loop could bring about.
    """
    try:
        while (waited_for := work.send(None)) is None:
            pass
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError(f"nothing waits in a sandbox without a socket, and this does: {waited_for}")


class DirectReply(JsonResponse):
    """A reply of the emulated API, with what is done to it."""

    def __init__(self, answer: Answer, world: World, entry: Entry) -> None:
        super().__init__(answer.reply.status, answer.headers, answer.reply.body)
        self.answer = answer
        self.world = world
        self.entry = entry
        if answer.close:
            self.force_close()


class DirectApi(EmulatedApi):
    """The emulated API, which lets a call happen and describes its reply."""

    async def _answer(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - as in the base class
        world: World,
        call: Call,
        started: float,  # noqa: ARG002 - as in the base class
    ) -> web.StreamResponse:
        answer = self._gateway.answer(world, call)
        self._runtime.changed(world)
        return DirectReply(answer, world, cast("Entry", answer.entry))  # every call has one


class DirectControl(ControlApi):
    """The control API, which reads large bodies at once."""

    async def _read_json(self, raw: bytes, depth: int) -> object:
        return strict_json.read(raw, deepest=depth)


class DirectDispatcher(Dispatcher):
    """Attempts each webhook as soon as it is released."""

    def _start(self, queue: object, work: Coroutine[None, None, None]) -> None:  # noqa: ARG002 - as in the base class
        run_now(work)


class DirectSubscriber(Subscriber):
    """A subscriber to which nothing happens while it waits."""

    async def wait(self, seconds: float) -> bool:  # noqa: ARG002 - as in the base class
        """All there is has been told."""
        self.is_over = True
        return False


class DirectNotifier(ChangeNotifier):
    """The notifier of worlds in which nothing happens while somebody waits."""

    @contextmanager
    def subscribe(self, world: World) -> Iterator[Subscriber]:  # noqa: ARG002 - as in the base class
        """Give a subscriber that has heard all there is."""
        yield DirectSubscriber()

    async def wait_until(
        self,
        world: World,
        holds: Callable[[], bool],
        seconds: float,
    ) -> None:
        """What does not hold now is not going to."""


class NoTimers(LiveTimers):
    """Sets no timers: what has fallen due happens with the next call."""

    def set(self, world: World) -> None:
        """Do nothing."""


DIRECT_PARTS: Final = PartTypes(
    DirectApi, DirectControl, RuntimePartTypes(DirectDispatcher, DirectNotifier, NoTimers)
)


def play(
    reply: DirectReply, request: web.BaseRequest, timeout: float | None, max_wait: int
) -> Exchange:
    """Play a reply to a client, with its delay and its fault.

    Args:
        reply: of a call that is in the journal, which is told what went out.
        request: whose reply it is.
        timeout: seconds of silence after which the client gives up; None is never.
        max_wait: wall milliseconds that a delay or a fault may last.
    """
    answer, entry = reply.answer, reply.entry
    longest = float("inf") if timeout is None else timeout * 1_000
    delay = min(answer.delay, max_wait)
    entry.duration_ms = float(min(delay, longest))
    if delay > longest:
        entry.abandon()
        return Exchange([], Ending.TIMED_OUT)
    if answer.fault is None:
        run_now(_send(reply, request))
        chunks = cast("_Connection", request.protocol).chunks
        return Exchange(chunks, Ending.OPEN if reply.keep_alive else Ending.CLOSED)
    plan = answer.fault.plan(_real_reply(reply, request, max_wait))
    return _play_plan(plan, entry, delay, longest)


def _play_plan(plan: Iterator[PlanStep], entry: Entry, delay: float, longest: float) -> Exchange:
    """What a client gets that bears so much silence, in ms; the plan begins after `delay`."""
    chunks: list[bytes] = []
    heard, at = 0.0, delay
    for action in plan:
        match action:
            case Send(data, shown):
                chunks.append(data)
                heard = at
                if shown is not None:
                    entry.replied(shown.status, shown.headers, shown.body)
            case WaitUntil(milliseconds):
                if delay + milliseconds - heard > longest:
                    return Exchange(chunks, Ending.TIMED_OUT)
                entry.duration_ms = at = delay + milliseconds
            case Reset() | Close() | KeepOpen():
                return Exchange(chunks, _ENDINGS[type(action)])
            case _:
                assert_never(action)
    raise RuntimeError("a plan ends in Reset, Close or KeepOpen")


_ENDINGS: Final = {Reset: Ending.RESET, Close: Ending.CLOSED, KeepOpen: Ending.OPEN}


def _real_reply(reply: DirectReply, request: web.BaseRequest, max_wait: int) -> RealReply:
    answer = reply.answer
    return RealReply(
        answer.reply.status,
        {**EVERY_REPLY, **answer.headers, **reply.headers},
        answer.reply.body,
        is_head=request.method == "HEAD",
        date=rfc822_formatted_time(),
        seed=reply.world.config.seed,
        request_number=reply.entry.number,
        max_wait=max_wait,
    )


async def _send(response: web.StreamResponse, request: web.BaseRequest) -> None:
    await response.prepare(request)
    await response.write_eof()


class _Connection(BaseProtocol):
    """What aiohttp takes for a connection, both protocol and transport: it keeps what is sent."""

    ssl_context = peername = sockname = None

    def __init__(self) -> None:
        super().__init__(cast("asyncio.AbstractEventLoop", None))
        self.chunks: list[bytes] = []
        self.transport = cast("asyncio.Transport", self)

    def write(self, data: bytes) -> None:
        self.chunks.append(bytes(data))

    def writelines(self, parts: list[bytes]) -> None:
        self.chunks.append(b"".join(parts))

    def is_closing(self) -> bool:
        return False


class _Body:
    """A request body that has arrived whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def is_eof(self) -> bool:
        return True

    def at_eof(self) -> bool:
        return not self._data

    def exception(self) -> None:
        return None

    def read_nowait(self) -> bytes:
        data, self._data = self._data, b""
        return data


def _request(asked: DirectRequest, connection: _Connection) -> web.BaseRequest:
    pairs = [
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        for name, value in asked.headers
    ]
    message = RawRequestMessage(
        asked.method,
        asked.target,
        HttpVersion11,
        CIMultiDictProxy(CIMultiDict(pairs)),
        tuple(asked.headers),
        False,  # noqa: FBT003 - should_close
        None,
        False,  # noqa: FBT003 - upgrade
        False,  # noqa: FBT003 - chunked
        URL(asked.target, encoded=True),
    )
    loop = cast("asyncio.AbstractEventLoop", None)
    writer = StreamWriter(connection, loop)
    return web.BaseRequest(
        message,
        cast("StreamReader", _Body(asked.body)),
        cast("AiohttpProtocol", connection),
        writer,
        cast("asyncio.Task[None]", None),
        loop,
        scheme="http",
    )
