"""The scripts that move messages, each atomic in Redis.

Redis does not roll back: a script that fails in its middle has done what it did. So each meets every key's type before
it moves anything, records a message before it leaves its list, and trims the list last. Each begins with a write, which
may change nothing: where a full Redis (`noeviction`) refuses what needs memory, it lets the rest of the script through.
A claim moves a message and a settlement frees one, so a full Redis can be drained.

An entry in flight is a field of the queue's hash, `[message, "", queue]` as kombu keeps it, under a delivery tag of its
own: `penstock:<process>:<number>`. The tag says who has it, and is never used twice: whoever removes the field owns
what was in it, and a late settlement of a delivery that was returned meanwhile finds nothing to remove.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

TAG = "penstock:"
"""Begins every delivery tag of ours; what begins otherwise is a stock worker's."""

WAKE = "penstock:wake:"
"""Begins the name of the key that is written to wake one waiting process."""

BORN = "penstock:born"
"""Names this content of Redis: a wiped one gets another name, a restored one has an old one."""

STEADY_MS = 4500
"""Milliseconds for which a waiting process counts as waiting without saying so again."""

MOST_SETTLED = 1000
"""Delivery tags that one script takes: Lua's stack carries some 8,000 values."""

MOST_CLAIMED = 500
"""Messages that one claim takes; each is three values on that stack."""


@dataclass(frozen=True)
class Script:
    """A script and the name by which Redis knows it once it was sent. TAG and STEADY in it are the constants above."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.text.replace("TAG", TAG).replace("STEADY", str(STEADY_MS)))

    @cached_property
    def sha(self) -> str:
        """For EVALSHA."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


PUT_BACK = Script(
    """
-- Moves messages in flight to their lists, in the order given and all at once: who waits for one must not take a later
-- one before an earlier one is there. KEYS: hash, index, lists.
-- ARGV: 1 to the front of the line or 0 to its end, the newest score at which one counts as abandoned or nothing; then
--       for each its tag, the message and which list. Returns for each 1, or 0 where it was not in flight any more.
local moved = {}
for i = 3, #KEYS do redis.call('LLEN', KEYS[i]) end
redis.call('ZREM', KEYS[2], '')
for i = 3, #ARGV, 3 do
  local tag, score = ARGV[i], false
  if ARGV[2] ~= '' then score = redis.call('ZSCORE', KEYS[2], tag) end
  if score and tonumber(score) > tonumber(ARGV[2]) then
    moved[#moved + 1] = 0
  else
    moved[#moved + 1] = redis.call('HDEL', KEYS[1], tag)
    redis.call('ZREM', KEYS[2], tag)
    if moved[#moved] == 1 then
      redis.call(ARGV[1] == '1' and 'RPUSH' or 'LPUSH', KEYS[2 + tonumber(ARGV[i + 2])], ARGV[i + 1])
    end
  end
end
return moved
"""
)

BURY = Script(
    """
-- Moves a message in flight to the dead letters. KEYS: hash, index, dead, its index.
-- ARGV: tag, the dead letter, how many are kept, and the newest score at which it counts as abandoned.
redis.call('HDEL', KEYS[3], '')
redis.call('ZREM', KEYS[4], '')
redis.call('ZREM', KEYS[2], '')
if ARGV[4] ~= '' then
  local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if score and tonumber(score) > tonumber(ARGV[4]) then return 0 end
end
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
local time = redis.call('TIME')
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[4], time[1] + time[2] / 1000000, ARGV[1])
local over = redis.call('ZCARD', KEYS[4]) - tonumber(ARGV[3])
if over > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[4], over)
  for i = 1, #oldest, 2 do redis.call('HDEL', KEYS[3], oldest[i]) end
end
return 1
"""
)

BEAT = Script(
    """
-- A process's sign of life for what it holds, and a look at what others no longer give theirs for.
-- KEYS: born; then for each queue hash and index.
-- ARGV: a name in case this Redis has none, seconds after which ours count as abandoned, the same for a stock worker's,
--       1 to look, how many to return; then for each queue how many tags, and these.
-- Returns the name, {queue, tag that is not here, ...}, {queue, tag, entry, ...} of what is abandoned, and the time.
redis.call('PERSIST', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local missing, abandoned = {}, {}
local at = 6
for queue = 1, (#KEYS - 1) / 2 do
  local hash, index = KEYS[queue * 2], KEYS[queue * 2 + 1]
  for i = 1, tonumber(ARGV[at]) do
    local tag = ARGV[at + i]
    if redis.call('HEXISTS', hash, tag) == 1 then
      redis.call('ZADD', index, now, tag)
    else
      missing[#missing + 1] = queue
      missing[#missing + 1] = tag
    end
  end
  at = at + 1 + tonumber(ARGV[at])
  if ARGV[4] == '1' then
    local most, offset, latest = tonumber(ARGV[5]), 0, now - tonumber(ARGV[2])
    -- A stock worker's, which are not due for long, may stand before ours: of these it passes over some 20,000.
    for _ = 1, 20 do
      local old = redis.call('ZRANGEBYSCORE', index, '-inf', latest, 'WITHSCORES', 'LIMIT', offset, 1000)
      for i = 1, #old, 2 do
        local tag, score = old[i], tonumber(old[i + 1])
        local ours = string.find(tag, 'TAG', 1, true) == 1
        offset = offset + 1
        if most > 0 and (ours or score <= now - tonumber(ARGV[3])) then
          local entry = redis.call('HGET', hash, tag)
          if entry then
            abandoned[#abandoned + 1] = queue
            abandoned[#abandoned + 1] = tag
            abandoned[#abandoned + 1] = entry
            most = most - 1
          else
            offset = offset - redis.call('ZREM', index, tag)
          end
        end
      end
      if most == 0 or #old < 2000 then break end
    end
  end
end
return {redis.call('GET', KEYS[1]), missing, abandoned, string.format('%.6f', now)}
"""
)

HOLD_AGAIN = Script(
    """
-- After a wipe: this process still runs what Redis no longer knows. KEYS: hash, index. ARGV: tag, entry.
redis.call('ZREM', KEYS[2], '')
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] + time[2] / 1000000, ARGV[1])
return 1
"""
)
