"""Dead letters in Redis: messages without a row in the ledger that no worker is given any more, until somebody looks.

The transport puts them there: into a hash and a sorted set of their queue, under the tag of the delivery they died in.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from penstock_contracts.queues import QUEUES, Priority, Queue
from penstock_runtime.backlog import UNREADABLE

DELIVERIES = "penstock_deliveries"
"""The header in which a message carries how often it was with a process that died."""

UNKNOWN = "unknown"
"""The reason of a dead letter that cannot be read."""

BROKEN = (*UNREADABLE, AttributeError, OverflowError, RecursionError)
"""What reading a message or a dead letter of whatever form may raise."""

PAGE = """
-- Dead letters of a queue, newest first, of one time in falling order of their tags. KEYS: hash, index.
-- ARGV: how many at most, how many bytes at most (one is always given), score and tag of the one to begin behind.
-- Returns whether there are more, and {tag, score, letter, ...}.
local function precedes(one, other)  -- by bytes, as the index has them; Lua compares as its locale says
  for i = 1, math.min(#one, #other) do
    local a, b = one:byte(i), other:byte(i)
    if a ~= b then return a < b end
  end
  return #one < #other
end
local count = redis.call('ZCARD', KEYS[2])
local rank = 0
if ARGV[3] then
  local score, beyond = tonumber(ARGV[3]), count
  while rank < beyond do
    local middle = math.floor((rank + beyond) / 2)
    local entry = redis.call('ZREVRANGE', KEYS[2], middle, middle, 'WITHSCORES')
    local at = tonumber(entry[2])
    if at < score or (at == score and precedes(entry[1], ARGV[4])) then beyond = middle else rank = middle + 1 end
  end
end
local page, bytes, most = {}, 0, rank + tonumber(ARGV[1])
while rank < math.min(count, most) do
  local entry = redis.call('ZREVRANGE', KEYS[2], rank, rank, 'WITHSCORES')
  local letter = redis.call('HGET', KEYS[1], entry[1]) or ''
  bytes = bytes + #letter
  if #page > 0 and bytes > tonumber(ARGV[2]) then break end
  for _, value in ipairs({entry[1], entry[2], letter}) do table.insert(page, value) end
  rank = rank + 1
end
return {rank < count and 1 or 0, page}
"""

REPLAY = """
-- Puts a dead letter's message at the end of its line. KEYS: hash, index, list.
-- ARGV: tag, SHA-1 of the letter, message.
-- Returns 0 where the letter is gone or another one.
local letter = redis.call('HGET', KEYS[1], ARGV[1])
if not letter or redis.sha1hex(letter) ~= ARGV[2] then return 0 end
redis.call('ZSCORE', KEYS[2], ARGV[1])  -- what is no sorted set is met before anything has changed
redis.call('LPUSH', KEYS[3], ARGV[3])  -- first, since a full Redis refuses it
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""

DISCARD = """
-- Deletes a dead letter. KEYS: hash, index. ARGV: tag. Returns 0 where it is gone.
redis.call('ZSCORE', KEYS[2], ARGV[1])
local held = redis.call('HDEL', KEYS[1], ARGV[1])
return math.max(held, redis.call('ZREM', KEYS[2], ARGV[1]))
"""

Position = tuple[float, str]
"""A place in the order of dead letters: Redis' own score, and the tag."""


@dataclass(frozen=True)
class DeadMessage:
    """A dead letter as people may see it: never what is in the message, but how many bytes it has.

    task: None where the message cannot be read. deliveries: how often it was with a worker.
    """

    id: str
    queue: str
    task: str | None
    priority: Priority
    reason: str
    error: str | None
    deliveries: int
    bytes: int
    score: float

    @property
    def position(self) -> Position:
        return self.score, self.id

    @property
    def died_at(self) -> datetime:
        """When it became a dead letter, by the clock of Redis."""
        try:
            return datetime.fromtimestamp(self.score, UTC)
        except (OverflowError, ValueError, OSError):
            return datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Page:
    """Dead letters, newest first. more: there are others behind the last one."""

    items: list[DeadMessage]
    more: bool


def read_page(
    client: "redis.Redis", queues: Sequence[Queue], *, most: int, most_bytes: int, behind: Position | None = None
) -> Page:
    """The dead letters of these queues behind a position, up to `most`, and up to so many bytes: at least one."""
    script = client.register_script(PAGE)
    bounds: list[Any] = [most, max(1, most_bytes // len(queues))]
    after = [] if behind is None else [repr(behind[0]), behind[1]]
    pages = []
    for queue in queues:
        more, found = script(keys=[queue.dead_key, queue.dead_index_key], args=bounds + after)
        letters = zip(found[::3], found[1::3], found[2::3], strict=True)
        pages.append(Page([_read(queue, tag, float(score), raw) for tag, score, raw in letters], bool(more)))
    return _merged(pages, most)


def _merged(pages: Sequence[Page], most: int) -> Page:
    everything = sorted((item for page in pages for item in page.items), key=_position, reverse=True)
    # Where a page was cut, what is older than its last one may have others before it.
    known_to = max((page.items[-1].position for page in pages if page.more), default=None)
    found = [item for item in everything if known_to is None or item.position >= known_to][:most]
    return Page(found, len(found) < len(everything) or any(page.more for page in pages))


def _position(letter: DeadMessage) -> Position:
    return letter.position


def find(client: "redis.Redis", letter_id: str) -> DeadMessage | None:
    """The dead letter of this id, whatever its queue."""
    found = _find(client, letter_id)
    return found and found[0]


def replay(client: "redis.Redis", letter_id: str) -> DeadMessage | None:
    """Send the message anew, at the end of its line, and return what it was. None: it is no dead letter now."""
    found = _find(client, letter_id)
    if found is None:
        return None
    letter, queue, raw = found
    keys = [queue.dead_key, queue.dead_index_key, queue.list_name(letter.priority)]
    digest = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    message = _text(raw)
    if message is None or not client.register_script(REPLAY)(keys=keys, args=[letter_id, digest, _as_new(message)]):
        return None
    return letter


def discard(client: "redis.Redis", letter_id: str) -> DeadMessage | None:
    """Delete the message for good, and return what it was. None: it is no dead letter now."""
    found = _find(client, letter_id)
    if found is None:
        return None
    letter, queue, _ = found
    gone = client.register_script(DISCARD)(keys=[queue.dead_key, queue.dead_index_key], args=[letter_id])
    return letter if gone else None


def _find(client: "redis.Redis", letter_id: str) -> tuple[DeadMessage, Queue, bytes] | None:
    pipeline = client.pipeline(transaction=False)
    for queue in QUEUES:
        pipeline.hget(queue.dead_key, letter_id)
        pipeline.zscore(queue.dead_index_key, letter_id)
    answers = pipeline.execute()
    for queue, raw, score in zip(QUEUES, answers[::2], answers[1::2], strict=True):
        if raw is not None or score is not None:
            return _read(queue, letter_id, score or 0.0, raw or b""), queue, raw or b""
    return None


def _read(queue: Queue, tag: bytes | str, score: float, raw: bytes) -> DeadMessage:
    name = tag.decode(errors="replace") if isinstance(tag, bytes) else tag
    reason, error, deliveries = UNKNOWN, None, 0
    with suppress(*BROKEN):
        about = json.loads(raw)
        reason, deliveries = _plain(about["reason"]), max(0, int(about["deliveries"]))
        error = None if about["error"] is None else _plain(about["error"])
    text = _text(raw)
    task, priority = _task_and_priority(text)
    size = len((text or "").encode(errors="replace"))
    return DeadMessage(name, queue.name, task, priority, reason, error, deliveries, size, score)


def _text(raw: bytes) -> str | None:
    """The message itself. None: this is no dead letter's form."""
    with suppress(*BROKEN):
        text = json.loads(raw)["message"]
        return text if isinstance(text, str) else None
    return None


def _task_and_priority(text: str | None) -> tuple[str | None, Priority]:
    task, priority = None, Priority.NORMAL
    with suppress(*BROKEN):
        message = json.loads(text or "")
        found = message["headers"].get("task")
        task = _plain(found) if isinstance(found, str) else None
        priority = Priority.BULK if int(message["properties"]["priority"]) >= Priority.BULK else Priority.NORMAL
    return task, priority


def _plain(found: Any) -> str:
    """Text that can be written as UTF-8: half a surrogate pair may stand in JSON."""
    return str(found).encode(errors="replace").decode()


def _as_new(text: str) -> str:
    """The message without what its deliveries have left on it. What cannot be read stays as it is."""
    with suppress(*BROKEN):
        message = json.loads(text)
        for name in (DELIVERIES, "redelivered"):
            message["headers"].pop(name, None)
        message["properties"].get("delivery_info", {}).pop("redelivered", None)
        return json.dumps(message)
    return text
