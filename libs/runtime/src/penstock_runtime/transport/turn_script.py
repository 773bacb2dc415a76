"""The script of a turn: what is settled goes, what is claimed comes, and who waits is known. See `scripts`."""

from penstock_runtime.transport.scripts import Script

TURN = Script(
    """
-- Settles deliveries, then claims up to `want` messages.
-- KEYS: this process's wake key; then for each queue: hash, index, watch, waiting, paused, and its lists, most urgent
--       first. Of a queue whose `paused` holds anything, nothing is claimed.
-- ARGV: process, first number, want, lists a queue, floor, listening, wake prefix; then for each queue its name as
--       JSON, how many tags to remove, and these.
-- floor: how many to take from the least urgent list first; -1 where the queues' order is to be kept: no fair shares.
-- listening: 0 not, 1 this process waits and said so lately, 2 it has to say so.
-- Returns {queue, tag, message, ...}, and for each queue whether this process watches its lists.
local process, number, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lists, floor, listening, wake_prefix = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]
local width = 5 + lists
local queues = (#KEYS - 1) / width
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local names, paused, open, claimed, taken, dry = {}, {}, queues, {}, {}, {}
local tags, entries, scores, watcher, watching = {}, {}, {}, {}, {}

local function key(queue, which) return KEYS[1 + (queue - 1) * width + which] end

local at = 8
for queue = 1, queues do
  redis.call('HDEL', key(queue, 1), '')
  redis.call('ZREM', key(queue, 2), '')
  if listening ~= '0' then
    watcher[queue] = redis.call('GETEX', key(queue, 3))
    redis.call('ZREM', key(queue, 4), '')
  end
  -- Read, so that Redis tells of the resume. The lists of a paused queue are not: nobody may take what comes there.
  paused[queue] = redis.call('GET', key(queue, 5))
  if paused[queue] then open = open - 1 end
  names[queue], tags[queue], taken[queue], dry[queue], entries[queue], scores[queue] = ARGV[at], {}, {}, {}, {}, {}
  for i = 1, tonumber(ARGV[at + 1]) do tags[queue][i] = ARGV[at + 1 + i] end
  for list = 1, lists do taken[queue][list] = 0 end
  at = at + 2 + #tags[queue]
end

local woken = listening ~= '0' and redis.call('GETEX', KEYS[1])

-- Reads only. A key of another type is met before anything changes: after a claim it would hide the answer.
local function take(queue, list, most)
  most = math.min(most, want)
  if most < 1 or paused[queue] or dry[queue][list] then return end
  local before = taken[queue][list]
  local found = redis.call('LRANGE', key(queue, 5 + list), -before - most, -before - 1)
  for i = #found, 1, -1 do
    claimed[#claimed + 1] = queue
    claimed[#claimed + 1] = string.format('TAG%s:%d', process, number)
    claimed[#claimed + 1] = found[i]
    number = number + 1
  end
  taken[queue][list] = before + #found
  dry[queue][list] = #found < most
  want = want - #found
end

if floor > 0 then
  for queue = 1, queues do
    local list, before = lists, want
    while list > 0 and want == before do
      take(queue, list, floor)
      list = list - 1
    end
  end
end
for list = 1, lists do
  if open > 1 and floor >= 0 then
    local share = math.ceil(want / open)
    for queue = 1, queues do take(queue, list, share) end
  end
  for queue = 1, queues do take(queue, list, want) end
end

-- Messages more than were taken: none, one, or 2 for more than one.
local function left(queue)
  local more = 0
  for list = 1, lists do
    if more > 1 or paused[queue] then break end
    more = more + redis.call('LLEN', key(queue, 5 + list)) - taken[queue][list]
  end
  return math.min(more, 2)
end
local more = {}
for queue = 1, want == 0 and listening ~= '0' and queues or 0 do more[queue] = left(queue) end

-- Who waits is found by name; commands that only read are avoided, since Redis tells of a change to what was read.
local function wake(waiting, most)
  for _ = 1, most do
    local found = redis.call('ZPOPMAX', waiting)
    if #found == 0 then return end
    if (now - tonumber(found[2])) * 1000 > STEADY then redis.call('DEL', waiting) return end
    redis.call('SET', wake_prefix .. found[1], '1', 'PX', STEADY)
  end
end

for queue = 1, listening == '0' and 0 or queues do
  local watch, waiting = key(queue, 3), key(queue, 4)
  watching[queue] = 0
  if want == 0 then
    local mine = watcher[queue] == process
    redis.call('ZREM', waiting, process)
    if mine then redis.call('DEL', watch) end
    wake(waiting, math.max(more[queue], mine and 1 or 0))
  elseif listening == '2' and (not watcher[queue] or watcher[queue] == process) then
    redis.call('SET', watch, process, 'PX', STEADY)
    redis.call('ZREM', waiting, process)
    watching[queue] = 1
  elseif listening == '2' then
    redis.call('ZADD', waiting, now, process)
    redis.call('PEXPIRE', waiting, STEADY)
  end
end

for i = 1, #claimed, 3 do
  local fields, places, tag = entries[claimed[i]], scores[claimed[i]], claimed[i + 1]
  fields[#fields + 1] = tag
  fields[#fields + 1] = '[' .. claimed[i + 2] .. ',"",' .. names[claimed[i]] .. ']'
  places[#places + 1] = now
  places[#places + 1] = tag
end
-- From Redis 7 on it tells no more of a key that this process has written itself, until that is read again.
local reads_on = want > 0 and listening ~= '0'
for queue = 1, queues do
  if #tags[queue] > 0 then
    redis.call('HDEL', key(queue, 1), unpack(tags[queue]))
    redis.call('ZREM', key(queue, 2), unpack(tags[queue]))
  end
  if #entries[queue] > 0 then
    redis.call('HSET', key(queue, 1), unpack(entries[queue]))
    redis.call('ZADD', key(queue, 2), unpack(scores[queue]))
  end
  for list, count in ipairs(taken[queue]) do
    if count > 0 then redis.call('LTRIM', key(queue, 5 + list), 0, -(count + 1)) end
    if count > 0 and reads_on then redis.call('LLEN', key(queue, 5 + list)) end
  end
end
if reads_on then
  if woken then redis.call('DEL', KEYS[1]) end
  redis.call('GET', KEYS[1])
end
return {claimed, watching}
"""
)
