"""Holds a connection to a receiver to its life: used, idle, ended by either side, and forgotten."""

import asyncio
import gc
import select
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from payments_sandbox.server.webhooks.connections import KEEP_ALIVE, Connection
from payments_sandbox.server.webhooks.replies import CutOffError, NotHttpError, Reply
from payments_sandbox.server.webhooks.sender import HttpSender
from payments_sandbox.testing.memory.still_loop import StillLoop
from payments_sandbox.webhooks.delivery import Outcome
from tests.support.receiver import Answer, End, Receiver, receiving

T = TypeVar("T")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REPLY = Reply(200, {"Content-Length": "2"}, b"ok", is_last=False)


class Line(asyncio.Transport):
    """The socket of one connection: remembers what was sent, and what became of it."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.sent: list[bytes] = []
        self.is_over = False
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self.is_over

    def abort(self, error: Exception | None = None) -> None:
        """End it, from either side."""
        if not self.is_over:
            self.is_over = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)


class EngineFixture:
    """One connection in a loop whose time passes at once."""

    def __init__(self) -> None:
        self.loop = StillLoop()
        self.forgotten = 0
        self.run(self._begin())

    async def _begin(self) -> None:
        self.connection = Connection(self.forget)
        self.line = Line(self.connection)

    def forget(self, connection: Connection) -> None:
        """It has ended."""
        assert connection is self.connection
        self.forgotten += 1

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let it happen."""
        return self.loop.run_until_complete(work)

    async def answered(self, *pieces: bytes) -> Reply:
        """A request, and what the receiver says to it."""
        asked = asyncio.create_task(self.connection.exchange(b"POST"))
        await self.loop.quiet()
        for piece in pieces:
            self.connection.data_received(piece)
        return await asked

    async def passed(self, seconds: float) -> None:
        """Let time pass."""
        over = asyncio.Event()
        self.loop.call_later(seconds, over.set)
        await over.wait()


@pytest.fixture
def engine() -> Iterator[EngineFixture]:
    """A connection."""
    engine = EngineFixture()
    yield engine
    engine.loop.close()


def test_one_exchange_after_the_other(engine: EngineFixture) -> None:
    """Each has its own reply."""
    assert engine.run(engine.answered(ANSWER[:9], ANSWER[9:])) == REPLY
    assert engine.run(engine.answered(ANSWER)) == REPLY
    assert engine.line.sent == [b"POST", b"POST"]
    assert not engine.line.is_over


def test_an_idle_connection_is_ended(engine: EngineFixture) -> None:
    """Four seconds after its last reply, and before most receivers would end it."""
    engine.run(engine.passed(KEEP_ALIVE - 1))
    engine.run(engine.answered(ANSWER))
    engine.run(engine.passed(KEEP_ALIVE - 0.5))
    assert (engine.line.is_over, engine.forgotten) == (False, 0)

    engine.run(engine.passed(1))
    assert (engine.line.is_over, engine.forgotten) == (True, 1)


def test_a_connection_that_takes_long_to_make(engine: EngineFixture) -> None:
    """It is idle from when it is there; before that TLS may have had a lot to say."""

    async def made() -> Reply:
        engine.connection = Connection(engine.forget)
        await engine.passed(KEEP_ALIVE)
        engine.line = Line(engine.connection)
        return await engine.answered(ANSWER)

    assert engine.run(made()) == REPLY


def test_a_connection_that_waits_for_a_reply_is_not_idle(engine: EngineFixture) -> None:
    """How long a receiver may take is not the connection's to say."""

    async def slow() -> Reply:
        asked = asyncio.create_task(engine.connection.exchange(b"POST"))
        await engine.passed(KEEP_ALIVE * 3)
        engine.connection.data_received(ANSWER)
        return await asked

    assert engine.run(slow()) == REPLY


@pytest.mark.parametrize("said", [ANSWER, b""], ids=["an answer", "the end"])
def test_a_receiver_that_speaks_unasked(engine: EngineFixture, said: bytes) -> None:
    """The connection is ended, and cannot be used."""

    async def spoken() -> None:
        if said:
            engine.connection.data_received(said)
        else:
            engine.connection.eof_received()
        await engine.connection.exchange(b"POST")

    with pytest.raises(CutOffError):
        engine.run(spoken())
    assert (engine.line.is_over, engine.line.sent) == (True, [])


@pytest.mark.parametrize("error", [None, ConnectionResetError(104, "reset")], ids=str)
def test_a_connection_that_is_lost_before_its_reply(
    engine: EngineFixture, error: Exception | None
) -> None:
    """Whoever waits is told why."""

    async def lost() -> Reply:
        asked = asyncio.create_task(engine.connection.exchange(b"POST"))
        await engine.loop.quiet()
        engine.line.abort(error)
        return await asked

    with pytest.raises(type(error or CutOffError())):
        engine.run(lost())
    assert engine.forgotten == 1


def test_what_is_no_reply(engine: EngineFixture) -> None:
    """It is told at once."""
    with pytest.raises(NotHttpError):
        engine.run(engine.answered(b"SSH-2.0"))


def test_a_reply_that_nobody_waits_for_any_more(engine: EngineFixture) -> None:
    """The post was cancelled; what comes then is of no account."""

    async def late() -> None:
        asked = asyncio.create_task(engine.connection.exchange(b"POST"))
        await engine.loop.quiet()
        asked.cancel()
        await asyncio.wait([asked])
        engine.connection.data_received(ANSWER)
        assert asked.cancelled()

    engine.run(late())


async def test_a_receiver_that_is_gone_leaves_nothing() -> None:
    """A long-lived server sees many, each at an address of its own."""
    sender, before = HttpSender(public=False), alive()
    for _ in range(5):
        async with receiving() as receiver:
            for end in (End.KEPT, End.CLOSED, End.KEPT):
                receiver.usual = Answer(end=end)
                await post(sender, receiver)
    async with receiving() as receiver:
        await post(sender, receiver)
        assert len(alive() - before) == 1
        await sender.close()


async def test_a_kept_connection_that_has_just_ended() -> None:
    """It is not used, whether or not it has been told to its owner."""
    sender, before = HttpSender(public=False), alive()
    async with receiving() as receiver:
        await post(sender, receiver)
        [kept] = alive() - before
        kept.close()
        outcome = await post(sender, receiver)
        await sender.close()

    assert outcome.error is None
    assert [hit.connection for hit in receiver.hits] == [0, 1]


@pytest.mark.parametrize("end", [End.CLOSED, End.RESET])
@pytest.mark.parametrize("polls", [True, False])
async def test_a_kept_connection_that_the_receiver_has_ended(
    monkeypatch: pytest.MonkeyPatch, end: End, *, polls: bool
) -> None:
    """It is not used, even where the loop has not seen its end yet."""
    if not polls:  # as on Windows
        monkeypatch.delattr(select, "poll")
    sender = HttpSender(public=False)
    async with receiving() as receiver:
        receiver.usual = Answer(end=end)
        told = [await post(sender, receiver) for _ in range(30)]
        await sender.close()

    assert {outcome.error for outcome in told} == {None}


async def test_one_of_two_kept_connections_ends() -> None:
    """The other is used."""
    sender, before = HttpSender(public=False), alive()
    async with receiving() as receiver, receiving() as elsewhere:
        await asyncio.gather(post(sender, receiver), post(sender, receiver))
        one, _ = alive() - before
        one.close()
        await post(sender, elsewhere)  # its end is told meanwhile
        await post(sender, receiver)
        await sender.close()

    assert {hit.connection for hit in receiver.hits} == {0, 1}


async def post(sender: HttpSender, receiver: Receiver) -> Outcome:
    """One webhook."""
    return await sender.post(receiver.url, headers={}, body=b"{}", timeout_ms=2_000)


def alive() -> set[Connection]:
    """The connections that somebody still holds."""
    gc.collect()
    return {each for each in gc.get_objects() if type(each) is Connection}
