"""Owns the scripts of the engine on Redis or Valkey, each of which makes one decision atomically.

For each key `K` there are, below the prefix:

- `world:K`, a hash: the `node` that owns it, its `epoch`, and `lost`, the last owner that was lost;
- `effects:K`, a list: the first effect has the whole world and is deflated, the others are JSON;
- `parts:K`, a hash of the parts of its journal by name; see `journal_parts.py`.

For the cluster as a whole there are:

- `nodes`: when each node's lease ends;
- `gone`: nodes that were lost, and when that was found;
- `members`: what each node says of itself;
- `changes`: how often `members` has changed;
- `due:N`: keys that node `N` owns, by when something falls due; those of no node if `N` is empty;
- `epoch`: the last epoch. The first is the current time, so that an engine that has lost its data
  does not give an epoch again.

Time is the engine's.
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

# A node that knows the current members is not sent them again: there may be a thousand. The state
# counts changes, and has the number of members, since a lost lease changes that alone.
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

# A lease ends early if its node refuses connections of other nodes and has none to the engine: then
# its process has died, and the system has closed both. If it is alive after all, its epochs make
# the engine reject its writes.
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
  if not owner or not is_member(owner) then
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

# A key may be listed as due under a node that no longer owns it, since its world expired unused or
# its owner has left. It is moved to the right list when it is found here. Of the keys that no node
# owns, each node skips those that the nodes before it look at.
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

# A lease that ends before one that began at some time was last renewed before that time.
UNHEARD: Final = f"""{_CLOCK}
return redis.call('ZCOUNT', nodes, '(' .. now, '(' .. ARGV[1])
"""

LEAVING: Final = f"""{_LEAVE}
leave(KEYS[1], ARGV[1])
"""

WRITE: Final = """
local prefix, refused, i = KEYS[1], {}, 1
while ARGV[i] do
  local key, epoch, flags, position, effect, due, ttl, name, part = unpack(ARGV, i, i + 8)
  local last_gone = i + 9 + tonumber(ARGV[i + 9])
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
  i = last_gone + 1
end
return refused
"""
