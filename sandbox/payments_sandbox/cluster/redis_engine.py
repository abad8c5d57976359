"""Owns the engine on Redis or Valkey: every decision is one script, so that it is made at once.

What is there of a key `K`, below the prefix:

- `world:K`, a hash: the `node` that owns it, the `epoch`, and `lost`, the last node that was lost;
- `effects:K`, a list: the first one has all of the world and is deflated, the others are JSON;
- `journal:K`, a hash of entries by their place in the ring, so that it never has more than those.

And of all: `nodes`, ends of leases by node; `members`, what each says of itself; `changes`, how
often that was another; `due:N`, keys that node `N` owns, or nobody where the name is empty, by when
something falls due; `epoch`, the last one that was given. Time is the engine's.

What all nodes are asked is published in `questions`, with the list that its answers go to.
"""

import asyncio
import contextlib
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from secrets import token_hex
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from payments_sandbox.cluster.ending import end
from payments_sandbox.cluster.store import (
    Census,
    Claim,
    EngineError,
    Member,
    Overdue,
    StoredWorld,
    WorldWrite,
)
from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.instants import DAY, Instant
from payments_sandbox.server.slices import pause

_log: Final = logging.getLogger(__name__)

PREFIX: Final = "payments-sandbox:"
TIMEOUT: Final = 1.0
"""Wall seconds that an answer of the engine may take."""

ANSWERS_WITHIN: Final = 3.0
"""Wall seconds that the answer of another node may take: as long as a lease."""

_LISTEN: Final = TIMEOUT / 2
_QUESTIONS: Final = f"{PREFIX}questions"

AT_ONCE: Final = 64
"""Calls that are under way at a time; further ones wait for their turn, but for a lease's renewal.

A node that takes over a thousand worlds asks for all of them at once, and the client's pool refuses
what it has no connection for.
"""

_CLOCK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local prefix = KEYS[1]
local nodes, members = prefix .. 'nodes', prefix .. 'members'
local function is_member(name)
  local ends = redis.call('ZSCORE', nodes, name)
  return ends and tonumber(ends) > now
end
"""

_LEAVE: Final = """
local function leave(prefix, name)
  redis.call('ZREM', prefix .. 'nodes', name)
  redis.call('HDEL', prefix .. 'members', name)
  local own, nobodys = prefix .. 'due:' .. name, prefix .. 'due:'
  if redis.call('EXISTS', own) == 1 then
    redis.call('ZUNIONSTORE', nobodys, 2, nobodys, own)
    redis.call('DEL', own)
  end
end
"""

# All members are told to who knows them as they were before: there may be a thousand. A member that
# is lost changes how many there are, and any other change counts as one.
_RENEW: Final = f"""{_CLOCK}{_LEAVE}
local name, said, lease, kept = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local was_member, changes = is_member(name), prefix .. 'changes'
if not was_member or redis.call('HGET', members, name) ~= said then redis.call('INCR', changes) end
redis.call('ZADD', nodes, now + lease, name)
redis.call('HSET', members, name, said)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now - kept)) do
  leave(prefix, old)
end
local state = redis.call('GET', changes) .. ':' .. redis.call('ZCOUNT', nodes, '(' .. now, '+inf')
local told = false
if state ~= ARGV[5] then
  local living = redis.call('ZRANGEBYSCORE', nodes, '(' .. now, '+inf')
  told = redis.call('HMGET', members, unpack(living))
end
return {{was_member and 1 or 0, now, state, told}}
"""

_DUE: Final = """
local function move_due(prefix, key, from, to)
  local due = redis.call('ZSCORE', prefix .. 'due:' .. from, key)
  if due then
    redis.call('ZREM', prefix .. 'due:' .. from, key)
    redis.call('ZADD', prefix .. 'due:' .. to, due, key)
  end
end
"""

_CLAIM: Final = f"""{_CLOCK}{_DUE}
local world = prefix .. 'world:' .. ARGV[1]
local candidate, claimant, ttl = ARGV[2], ARGV[3], tonumber(ARGV[4])
local owner, epoch, lost = unpack(redis.call('HMGET', world, 'node', 'epoch', 'lost'))
if not owner or not is_member(owner) then
  if owner and redis.call('ZSCORE', nodes, owner) then
    lost = owner
    redis.call('HSET', world, 'lost', lost)
  end
  local before = owner or ''
  owner = is_member(candidate) and candidate or claimant
  move_due(prefix, ARGV[1], before, owner)
  move_due(prefix, ARGV[1], '', owner)
  epoch = redis.call('INCR', prefix .. 'epoch')
  redis.call('HSET', world, 'node', owner, 'epoch', epoch)
  if ttl > 0 then redis.call('PEXPIRE', world, ttl) end
end
return {{owner, tonumber(epoch), lost or ''}}
"""

_RELEASE: Final = f"""{_DUE}
local world = KEYS[1] .. 'world:' .. ARGV[1]
local owner, epoch = unpack(redis.call('HMGET', world, 'node', 'epoch'))
if epoch == ARGV[2] then
  move_due(KEYS[1], ARGV[1], owner, '')
  redis.call('HDEL', world, 'node', 'epoch')
end
"""

# What is due of a key may be among that of an owner that it has no more: its world was forgotten
# since nobody used it, or the owner has left. It is put right where it is found.
_OVERDUE: Final = f"""{_CLOCK}{_DUE}
local name, upto, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local function look(place, found)
  local due = prefix .. 'due:' .. place
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', upto, 'LIMIT', 0, most - #found)) do
    local owner = redis.call('HGET', prefix .. 'world:' .. key, 'node') or ''
    if owner == place or (place == '' and not is_member(owner)) then table.insert(found, key)
    else move_due(prefix, key, place, place == '' and owner or '') end
  end
end
local own, nobodys = {{}}, {{}}
look(name, own)
look('', nobodys)
for _, lost in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now)) do look(lost, nobodys) end
return {{own, nobodys}}
"""

_LEAVING: Final = f"""{_LEAVE}
leave(KEYS[1], ARGV[1])
"""

_WRITE: Final = """
local prefix, refused, i = KEYS[1], {}, 1
while ARGV[i] do
  local key, epoch, flags, position, effect, due, ttl, count = unpack(ARGV, i, i + 7)
  i = i + 8
  local size = 2 * tonumber(count)
  local world = prefix .. 'world:' .. key
  local effects, journal = prefix .. 'effects:' .. key, prefix .. 'journal:' .. key
  local owner, last = unpack(redis.call('HMGET', world, 'node', 'epoch'))
  local all_due = prefix .. 'due:' .. (owner or '')
  if last ~= epoch then
    table.insert(refused, key)
  elseif string.find(flags, 'g') then
    redis.call('DEL', world, effects, journal)
    redis.call('ZREM', all_due, key)
  else
    if string.find(flags, 'w') then redis.call('DEL', effects) end
    if effect ~= '' and redis.call('LLEN', effects) == tonumber(position) then
      redis.call('RPUSH', effects, effect)
    end
    if string.find(flags, 'j') then redis.call('DEL', journal) end
    if size > 0 then redis.call('HSET', journal, unpack(ARGV, i, i + size - 1)) end
    if due ~= '' then redis.call('ZADD', all_due, due, key)
    else redis.call('ZREM', all_due, key) end
    if ttl ~= '0' then
      for _, each in ipairs({world, effects, journal}) do redis.call('PEXPIRE', each, ttl) end
    end
  end
  i = i + size
end
return refused
"""


class RedisEngine:
    """A store and a registry in one Redis.

    Args:
        url: such as `redis://localhost:6379/0`.
        ttl: milliseconds after which a world is forgotten that nobody uses.
        lease: milliseconds that a node is a member without renewing that.

    Raises:
        ValueError: the url is none.
    """

    def __init__(self, url: str, *, ttl: int, lease: int) -> None:
        self._ttl = ttl
        self._lease = lease
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._redis = Redis.from_url(
            url,
            max_connections=2 * AT_ONCE,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1),  # a connection may have ended since it was used last
        )
        self._renew = self._redis.register_script(_RENEW)
        self._claim = self._redis.register_script(_CLAIM)
        self._release = self._redis.register_script(_RELEASE)
        self._write = self._redis.register_script(_WRITE)
        self._overdue = self._redis.register_script(_OVERDUE)
        self._leave = self._redis.register_script(_LEAVING)
        self._known: tuple[bytes, tuple[Member, ...]] = b"", ()  # a state, and the members then

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def version(self) -> tuple[int, ...]:
        """The version of Redis that it is compatible with.

        Raises:
            EngineError: it does not answer.
        """
        found = await self._answer(self._redis.info, "server")
        return tuple(int(part) for part in str(found["redis_version"]).split("."))

    async def number_of_start(self) -> int:
        """Count a start of a node; no other has the same number.

        Raises:
            EngineError: it does not answer.
        """
        return int(await self._answer(self._redis.incr, f"{PREFIX}starts"))

    async def renew(self, member: Member) -> Census:
        """Be a member for the time of another lease; see `Registry`."""
        said = orjson.dumps(tuple(member))
        arguments = (member.name, said, self._lease, DAY, self._known[0])
        was_member, now, state, told = await _answer(self._renew, [PREFIX], arguments)
        if told is not None:
            self._known = state, tuple(Member(*orjson.loads(each)) for each in told if each)
        return Census(bool(was_member), Instant(now), self._known[1])

    async def leave(self, name: str) -> None:
        """Be a member no more, and own nothing; see `Registry`."""
        await self._answer(self._leave, [PREFIX], (name,))

    async def claim(self, key: str, candidate: str, claimant: str) -> Claim:
        """Ask who owns a key, which gets an owner that lives; see `Registry`."""
        arguments = (key, candidate, claimant, self._ttl_of(key))
        owner, epoch, lost = await self._answer(self._claim, [PREFIX], arguments)
        return Claim(owner.decode(), epoch, lost.decode())

    async def release(self, key: str, epoch: int) -> None:
        """Let a key have no owner, if it still has the one of this epoch; see `Registry`."""
        await self._answer(self._release, [PREFIX], (key, epoch))

    async def owned(self, keys: Sequence[str]) -> Sequence[int]:
        """The epochs of keys, 0 where one has no owner; see `Registry`."""
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.execute_command("HGET", f"{PREFIX}world:{key}", "epoch")
        return [int(epoch or 0) for epoch in await self._answer(pipeline.execute)]

    async def overdue(self, name: str, now: Instant, most: int) -> Overdue:
        """Keys of worlds in which something has fallen due; see `Registry`."""
        found = await self._answer(self._overdue, [PREFIX], (name, now, most))
        return Overdue(*([key.decode() for key in keys] for keys in found))

    async def read(self, key: str) -> StoredWorld:
        """What is kept of a world; see `Store`."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.execute_command("LRANGE", f"{PREFIX}effects:{key}", 0, -1)
        pipeline.execute_command("HVALS", f"{PREFIX}journal:{key}")
        effects, entries = await self._answer(pipeline.execute)
        return StoredWorld([*map(zlib.decompress, effects[:1]), *effects[1:]], entries)

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Keep what is written of several worlds, each wholly or not at all; see `Store`."""
        arguments: list[str | int | bytes] = []
        for each in writes:
            is_first = each.effect and each.position == 0
            flags = "g" * each.is_gone + "w" * each.is_whole + "j" * each.is_journal_new
            effect = zlib.compress(each.effect, 1) if is_first else each.effect
            due = "" if each.due is None else each.due
            count = len(each.entries)
            arguments += (each.key, each.epoch, flags, each.position, effect, due)
            arguments += (self._ttl_of(each.key), count)
            for place, entry in each.entries.items():
                arguments += (place, entry)
        refused = await self._answer(self._write, [PREFIX], arguments)
        return frozenset(key.decode() for key in refused)

    async def ask(self, name: str, question: bytes) -> Sequence[bytes]:
        """Ask all nodes but one; see `Messenger`."""
        replies = f"{PREFIX}replies:{token_hex(8)}"
        text = b"\0".join((replies.encode(), name.encode(), question))
        there = await self._answer(self._redis.publish, _QUESTIONS, text)
        until = asyncio.get_running_loop().time() + ANSWERS_WITHIN
        answers: list[bytes] = []
        while len(answers) < there and asyncio.get_running_loop().time() < until:
            # Not in its turn, which others wait for: what is asked for may need theirs.
            if (found := await _answer(self._redis.blpop, [replies], timeout=_LISTEN)) is not None:
                answers.append(found[1])
        if missing := there - len(answers):
            _log.warning("%d of %d nodes do not answer what they have", missing, there)
        return [each for each in answers if each]  # one's own is empty

    @contextlib.asynccontextmanager
    async def answering(self, name: str, answer: Callable[[bytes], bytes]) -> AsyncIterator[None]:
        """Let a node answer what it is asked; see `Messenger`."""
        async with self._redis.pubsub(ignore_subscribe_messages=True) as questions:
            await _answer(questions.subscribe, _QUESTIONS)
            task = asyncio.create_task(self._answer_all(name.encode(), questions, answer))
            try:
                yield
            finally:
                await end(task)

    async def _answer_all(
        self, name: bytes, questions: PubSub, answer: Callable[[bytes], bytes]
    ) -> None:
        while True:
            try:
                asked = await _answer(questions.get_message, timeout=_LISTEN)
                if asked is not None:
                    replies, who, question = asked["data"].split(b"\0", 2)
                    await self._reply(replies, b"" if who == name else answer(question))
            except EngineError:
                await pause(_LISTEN)
            except Exception:  # noqa: BLE001 - a bug of ours, and the next question may go well
                _log.exception("a question of another node is not answered")

    async def _reply(self, replies: bytes, text: bytes) -> None:
        replying = self._redis.pipeline(transaction=True)
        replying.execute_command("RPUSH", replies, text)
        replying.execute_command("PEXPIRE", replies, int(2_000 * ANSWERS_WITHIN))
        await self._answer(replying.execute)

    def _ttl_of(self, key: str) -> int:
        """How long a world is kept that nobody uses; 0 is for ever."""
        return 0 if key == DEFAULT_API_KEY else self._ttl

    async def _answer(self, call: Callable[..., Any], *given: object, **options: object) -> Any:  # noqa: ANN401 - of any command
        """What the engine answers when it is this call's turn.

        Raises:
            EngineError: it does not, or refuses.
        """
        async with self._turns:
            return await _answer(call, *given, **options)


async def _answer(call: Callable[..., Any], *given: object, **options: object) -> Any:  # noqa: ANN401 - of any command
    """What the engine answers.

    Raises:
        EngineError: it does not, or refuses.
    """
    try:
        return await call(*given, **options)
    except (RedisError, OSError) as error:
        raise EngineError(str(error) or type(error).__name__) from None
