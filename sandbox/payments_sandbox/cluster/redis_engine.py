"""Owns the engine on Redis or Valkey: every decision is one script, and so is atomic.

A question to all nodes is published in `questions`, with the name of the list for its answers.
"""

import asyncio
import contextlib
import logging
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from secrets import token_hex
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 - as the client calls it
    RedisError,
)

from payments_sandbox.cluster import redis_scripts as scripts
from payments_sandbox.cluster.places import Member, UnreadableWorldError
from payments_sandbox.cluster.store import (
    Census,
    Claim,
    EngineError,
    JournalWrite,
    Overdue,
    StoredWorld,
    WorldWrite,
)
from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.instants import DAY, Instant
from payments_sandbox.server.background import beside
from payments_sandbox.server.slices import pause

_log: Final = logging.getLogger(__name__)

PREFIX: Final = "payments-sandbox:"
TIMEOUT: Final = 1.0
"""Wall seconds that the engine may take to answer."""

ANSWERS_WITHIN: Final = 3.0
"""Wall seconds that another node may take to answer: as long as a lease."""

_LISTEN: Final = TIMEOUT / 2
"""Wall seconds that a call waits for a message: less than its connection's timeout."""

_NO_JOURNAL: Final = JournalWrite("", b"")
_QUESTIONS: Final = f"{PREFIX}questions"
_WHERE: Final = re.compile(r" script: [0-9a-f]{40}.*")
"""The part of an error's text that names the script in which it happened."""

RENEWED_WITHIN: Final = 1.5
"""Wall seconds that the renewal of a lease may take: half a lease, so that a late one counts."""

AT_ONCE: Final = 16
"""Calls that are under way at a time; more of them wait for their turn, except renewals of a lease.

A node that takes over a thousand worlds asks for all of them at once. The engine handles calls in
order, so a renewal waits behind all calls that are under way.
"""


class RedisEngine:
    """A store and a registry in one Redis.

    Args:
        url: such as `redis://localhost:6379/0`.
        ttl: milliseconds after which an unused world is deleted.
        lease: milliseconds that a lease lasts.

    Raises:
        ValueError: the url is invalid.
    """

    def __init__(self, url: str, *, ttl: int, lease: int) -> None:
        self._ttl = ttl
        self._lease = lease
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._redis = _client(url, TIMEOUT)
        self._leases = _client(url, RENEWED_WITHIN)
        self._renew = self._leases.register_script(scripts.RENEW)
        self._unheard = self._redis.register_script(scripts.UNHEARD)
        self._claim = self._redis.register_script(scripts.CLAIM)
        self._release = self._redis.register_script(scripts.RELEASE)
        self._write = self._redis.register_script(scripts.WRITE)
        self._overdue = self._redis.register_script(scripts.OVERDUE)
        self._leave = self._redis.register_script(scripts.LEAVING)
        self._known: tuple[bytes, tuple[Member, ...]] = b"", ()  # the last state, and its members

    async def close(self) -> None:
        """Close the connections."""
        await self._leases.aclose()
        await self._redis.aclose()

    async def version(self) -> tuple[int, ...]:
        """The version of Redis, or the one that a compatible engine reports.

        Raises:
            EngineError: it does not answer.
        """
        found = await self._answer(self._redis.info, "server")
        return tuple(map(int, re.findall(r"\d+", str(found.get("redis_version", "0")))))

    async def number_of_start(self) -> int:
        """Count the start of a node, and return its unique number.

        Raises:
            EngineError: it does not answer.
        """
        return int(await self._answer(self._redis.incr, f"{PREFIX}starts"))

    async def renew(self, member: Member) -> Census:
        """Renew the lease of a member; see `Registry`."""
        written = orjson.dumps(tuple(member))
        arguments = (member.name, written, self._lease, DAY, self._known[0])
        was_member, now, state, members = await _answer(self._renew, [PREFIX], arguments)
        if members is not None:
            self._known = state, tuple(filter(None, map(_member, members)))
        return Census(bool(was_member), Instant(now), self._known[1])

    async def unheard(self, since: Instant) -> int:
        """Count the members that have not renewed their leases since; see `Registry`."""
        return int(await self._answer(self._unheard, [PREFIX], (since + self._lease,)))

    async def leave(self, name: str) -> None:
        """End a membership, and release all its keys; see `Registry`."""
        await self._answer(self._leave, [PREFIX], (name,))

    async def claim(
        self, wanted: Mapping[str, str], claimant: str, refusing: Iterable[str] = ()
    ) -> Sequence[Claim]:
        """Ask who owns keys, and give an owner to those without one; see `Registry`."""
        arguments: list[str | int] = [claimant, f" {' '.join(refusing)} "]
        for key, candidate in wanted.items():
            arguments += (key, candidate, self._ttl_of(key))
        claims = await self._answer(self._claim, [PREFIX], arguments)
        return [
            Claim(owner.decode(), epoch, lost.decode(), lease)
            for owner, epoch, lost, lease in claims
        ]

    async def release(self, key: str, epoch: int) -> None:
        """Release a key if it still has the owner of this epoch; see `Registry`."""
        await self._answer(self._release, [PREFIX], (key, epoch))

    async def owned(self, keys: Sequence[str]) -> Sequence[int]:
        """The epochs of keys; 0 for a key without an owner; see `Registry`."""
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.execute_command("HGET", f"{PREFIX}world:{key}", "epoch")
        return [int(each or 0) for each in await self._answer(pipeline.execute)]

    async def overdue(self, name: str, now: Instant, most: int, skipped: int = 0) -> Overdue:
        """Keys of worlds in which something is overdue; see `Registry`."""
        found = await self._answer(self._overdue, [PREFIX], (name, now, most, skipped))
        return Overdue(*([key.decode() for key in keys] for keys in found))

    async def read(self, key: str) -> StoredWorld:
        """Read what is stored of a world; see `Store`."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.execute_command("LRANGE", f"{PREFIX}effects:{key}", 0, -1)
        pipeline.execute_command("HGETALL", f"{PREFIX}parts:{key}")
        effects, journal = await self._answer(pipeline.execute)
        try:
            parts = {name.decode(): part for name, part in journal.items()}
            return StoredWorld([*map(zlib.decompress, effects[:1]), *effects[1:]], parts)
        except (zlib.error, ValueError) as error:
            raise UnreadableWorldError(key, error) from error

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Write changes of several worlds, each completely or not at all; see `Store`."""
        arguments: list[str | int | bytes] = []
        for each in writes:
            is_first = each.effect and each.position == 0
            journal = each.journal or _NO_JOURNAL
            flags = "g" * each.is_gone + "w" * each.is_whole + "j" * journal.is_new
            effect = zlib.compress(each.effect, 1) if is_first else each.effect
            due = "" if each.due is None else each.due
            arguments += (each.key, each.epoch, flags, each.position, effect, due)
            arguments += (self._ttl_of(each.key), journal.name, journal.part)
            arguments += (len(journal.gone), *journal.gone)
        refused = await self._answer(self._write, [PREFIX], arguments)
        return frozenset(key.decode() for key in refused)

    async def ask(self, name: str, question: bytes) -> Sequence[bytes]:
        """Ask all nodes except the one that asks; see `Messenger`."""
        replies = f"{PREFIX}replies:{token_hex(8)}"
        text = b"\0".join((replies.encode(), name.encode(), question))
        there = await self._answer(self._redis.publish, _QUESTIONS, text)
        until = asyncio.get_running_loop().time() + ANSWERS_WITHIN
        answers: list[bytes] = []
        while len(answers) < there and asyncio.get_running_loop().time() < until:
            # Without taking a turn: the nodes that answer may need the turns of others here.
            if (found := await _answer(self._redis.blpop, [replies], timeout=_LISTEN)) is not None:
                answers.append(found[1])
        if missing := there - len(answers):
            _log.warning("%d of %d nodes do not answer", missing, there)
        return [each for each in answers if each]  # this node's own answer is empty

    @contextlib.asynccontextmanager
    async def answering(self, name: str, answer: Callable[[bytes], bytes]) -> AsyncIterator[None]:
        """Let a node answer the questions of others; see `Messenger`."""
        async with self._redis.pubsub(ignore_subscribe_messages=True) as questions:
            # Nothing is published in the node's own channel. That somebody subscribes to it tells
            # the engine that the node has not died.
            await _answer(questions.subscribe, _QUESTIONS, f"{PREFIX}node:{name}")
            async with beside(self._answer_all(name.encode(), questions, answer)):
                yield

    async def _answer_all(
        self, name: bytes, questions: PubSub, answer: Callable[[bytes], bytes]
    ) -> None:
        while True:
            try:
                message = await _answer(questions.get_message, timeout=_LISTEN)
                if message is None:
                    continue
                replies, who, question = message["data"].split(b"\0", 2)
                await self._reply(replies, b"" if who == name else answer(question))
            except EngineError:
                await pause(_LISTEN)
            except Exception:  # noqa: BLE001 - a bug of ours; the next question may succeed
                _log.exception("cannot answer a question of another node")

    async def _reply(self, replies: bytes, text: bytes) -> None:
        replying = self._redis.pipeline(transaction=True)
        replying.execute_command("RPUSH", replies, text)
        replying.execute_command("PEXPIRE", replies, int(2_000 * ANSWERS_WITHIN))
        await self._answer(replying.execute)

    def _ttl_of(self, key: str) -> int:
        """How long an unused world is stored; 0 means forever."""
        return 0 if key == DEFAULT_API_KEY else self._ttl

    async def _answer(self, call: Callable[..., Any], *given: object, **options: object) -> Any:  # noqa: ANN401 - of any command
        """Call the engine when it is this call's turn.

        Raises:
            EngineError: it does not answer, or rejects the call.
        """
        async with self._turns:
            return await _answer(call, *given, **options)


async def _answer(call: Callable[..., Any], *given: object, **options: object) -> Any:  # noqa: ANN401 - of any command
    """Call the engine at once.

    Raises:
        EngineError: it does not answer, or rejects the call.
    """
    try:
        return await call(*given, **options)
    except (RedisError, OSError) as error:
        raise EngineError(_error_text(error)) from None


def _error_text(error: Exception) -> str:
    if any(isinstance(each, AuthenticationError) for each in (error, error.__cause__)):
        where = "redis://:PASSWORD@localhost:6379"
        return f"wrong or missing password; expected an address such as {where}"
    return _WHERE.sub("", str(error)).rstrip(".") or type(error).__name__


def _member(written: bytes | None) -> Member | None:
    """Parse what a member has written of itself; None if it is not in this version's format."""
    if written is None:
        return None
    try:
        return Member(*orjson.loads(written))
    except (ValueError, TypeError):
        _log.warning("ignoring a member of the cluster that runs another version: %r", written)
        return None


def _client(url: str, timeout: float) -> Redis:
    return Redis.from_url(
        url,
        max_connections=8 * AT_ONCE,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # An idle connection may have been closed meanwhile, so a call is tried once more. After a
        # timeout it is not: that would only add to a slow engine's work.
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
    )
