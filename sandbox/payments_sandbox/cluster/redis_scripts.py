"""Owns the scripts of the engine on Redis or Valkey, each of which decides something at once.

What is there of a key `K`, below the prefix:

- `world:K`, a hash: the `node` that owns it, the `epoch`, and `lost`, the last node that was lost;
- `effects:K`, a list: the first one has all of the world and is deflated, the others are JSON;
- `parts:K`, a hash of the parts of its journal, by their names; see `journal_parts.py`.

And of all: `nodes`, ends of leases by node; `gone`, those that were lost, by when that was found;
`members`, what each says of itself; `changes`, how often that was another; `due:N`, keys that node
`N` owns, or nobody where the name is empty, by when something falls due; `epoch`, the last one that
was given, which begins with the time: an engine that has lost all gives none anew. Time is the
engine's.
"""

from typing import Final

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
  redis.call('ZREM', prefix .. 'gone', name)
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
RENEW: Final = f"""{_CLOCK}{_LEAVE}
local name, said, lease, kept = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local was_member, changes = is_member(name), prefix .. 'changes'
if not was_member or redis.call('HGET', members, name) ~= said then redis.call('INCR', changes) end
redis.call('ZADD', nodes, now + lease, name)
redis.call('HSET', members, name, said)
local gone = prefix .. 'gone'
redis.call('ZREM', gone, name)
-- One in each call, since there may be much that is due in its worlds.
for _, lost in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now, 'LIMIT', 0, 1)) do
  leave(prefix, lost)
  redis.call('ZADD', gone, now, lost)
end
redis.call('ZREMRANGEBYSCORE', gone, '-inf', now - kept)
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

# A lease is ended before its time if its node refuses connections of who asks, and has none to the
# engine: its process has died, and the system has closed both. Were it alive after all, its writes
# would be refused by their epochs.
CLAIM: Final = f"""{_CLOCK}{_DUE}
local claimant, refusing, claims = ARGV[1], ARGV[2], {{}}
for i = 3, #ARGV, 3 do
  local key, candidate, ttl = unpack(ARGV, i, i + 2)
  ttl = tonumber(ttl)
  local world = prefix .. 'world:' .. key
  local owner, epoch, lost = unpack(redis.call('HMGET', world, 'node', 'epoch', 'lost'))
  if owner and string.find(refusing, ' ' .. owner .. ' ', 1, true) and is_member(owner)
    and redis.call('PUBSUB', 'NUMSUB', prefix .. 'node:' .. owner)[2] == 0 then
    redis.call('ZADD', nodes, now, owner)
  end
  if not owner or not tonumber(epoch) or not is_member(owner) then
    local gone = prefix .. 'gone'
    if owner and (redis.call('ZSCORE', nodes, owner) or redis.call('ZSCORE', gone, owner)) then
      lost = owner
      redis.call('HSET', world, 'lost', lost)
    end
    local before = owner or ''
    owner = is_member(candidate) and candidate or claimant
    move_due(prefix, key, before, owner)
    move_due(prefix, key, '', owner)
    redis.call('SET', prefix .. 'epoch', now, 'NX')
    epoch = redis.call('INCR', prefix .. 'epoch')
    redis.call('HSET', world, 'node', owner, 'epoch', epoch)
    if ttl > 0 then redis.call('PEXPIRE', world, ttl) end
  end
  local lease = (redis.call('ZSCORE', nodes, owner) or now) - now
  table.insert(claims, {{owner, tonumber(epoch), lost or '', lease}})
end
return claims
"""

RELEASE: Final = f"""{_DUE}
local world = KEYS[1] .. 'world:' .. ARGV[1]
local owner, epoch = unpack(redis.call('HMGET', world, 'node', 'epoch'))
if epoch == ARGV[2] then
  move_due(KEYS[1], ARGV[1], owner, '')
  redis.call('HDEL', world, 'node', 'epoch')
end
"""

# What is due of a key may be among that of an owner that it has no more: its world was forgotten
# since nobody used it, or the owner has left. It is put right where it is found. Of those that are
# nobody's each node skips what the nodes before it look at.
OVERDUE: Final = f"""{_CLOCK}{_DUE}
local name, upto, most, skipped = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local function look(place, first)
  local due, found = prefix .. 'due:' .. place, {{}}
  local last = math.min(first + most, redis.call('ZCOUNT', due, '-inf', upto)) - 1
  if last < first then return found end
  for _, key in ipairs(redis.call('ZRANGE', due, first, last)) do
    local owner = redis.call('HGET', prefix .. 'world:' .. key, 'node') or ''
    if owner == place or (place == '' and not is_member(owner)) then table.insert(found, key)
    else move_due(prefix, key, place, place == '' and owner or '') end
  end
  return found
end
return {{look(name, 0), look('', skipped)}}
"""

# A lease that ends before one that began at some time has been renewed before that.
UNHEARD: Final = f"""{_CLOCK}
return redis.call('ZCOUNT', nodes, '(' .. now, '(' .. ARGV[1])
"""

LEAVING: Final = f"""{_LEAVE}
leave(KEYS[1], ARGV[1])
"""

# A key of another type, which no node has written, stops the writes of no other world: it is as if
# another node had it. What is wrong with all, such as no room, is an error.
WRITE: Final = """
local prefix, refused, i = KEYS[1], {}, 1
local function write(i, last_gone)
  local key, epoch, flags, position, effect, due, ttl, name, part = unpack(ARGV, i, i + 8)
  local world = prefix .. 'world:' .. key
  local effects, journal = prefix .. 'effects:' .. key, prefix .. 'parts:' .. key
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
    if name ~= '' then redis.call('HSET', journal, name, part) end
    if last_gone > i + 9 then redis.call('HDEL', journal, unpack(ARGV, i + 10, last_gone)) end
    if due ~= '' then redis.call('ZADD', all_due, due, key)
    else redis.call('ZREM', all_due, key) end
    if ttl ~= '0' then
      for _, each in ipairs({world, effects, journal}) do redis.call('PEXPIRE', each, ttl) end
    end
  end
end
while ARGV[i] do
  local last = i + 9 + tonumber(ARGV[i + 9])
  local ok, problem = pcall(write, i, last)
  if not ok then
    local text = type(problem) == 'table' and problem.err or problem
    if not string.find(text, 'WRONGTYPE', 1, true) then error(problem) end
    table.insert(refused, ARGV[i])
  end
  i = last + 1
end
return refused
"""
