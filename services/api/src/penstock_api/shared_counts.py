"""How often each subject has asked of late, counted by every process for itself and added up in Redis.

A request costs a look into this process's memory and never waits. What was counted goes to Redis a few times a second,
in one round trip for all subjects, and the answer tells what the other processes have counted. Without Redis, or where
RabbitMQ is in its place, each process goes on with what it has counted itself.

The count is that of a sliding window made of two fixed ones: all of this window, and of the one before the share that
a window ending now would still reach into.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from time import monotonic, time

import redis
import structlog
from redis.commands.core import Script

from penstock_runtime import redis_server
from penstock_runtime.rates import Limit
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

PREFIX = "penstock:rate:"
"""Begins every key in Redis. They expire by themselves, after two windows."""

LARGEST_GROUP = 500
"""Counts in one script, which holds up everyone else in Redis while it runs: well below a millisecond."""

PAUSE = 1.0
"""Seconds between two tries while Redis is away."""

_ADD = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local told = {tostring(now)}
for i, key in ipairs(KEYS) do
    local seconds = tonumber(ARGV[2 * i - 1])
    local window = math.floor(now / seconds)
    local kept = redis.call('HMGET', key, 'window', 'count', 'before')
    local count, before = tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
    if tonumber(kept[1]) ~= window then
        before = tonumber(kept[1]) == window - 1 and count or 0
        count = 0
    end
    count = count + tonumber(ARGV[2 * i])
    redis.call('HSET', key, 'window', window, 'count', count, 'before', before)
    redis.call('EXPIRE', key, 2 * seconds)
    told[#told + 1] = count
    told[#told + 1] = before
end
return told
"""


@dataclass(slots=True)
class _Count:
    """What is known of one subject under one limit: in the present window, and in the one before."""

    limit: Limit
    window: int = 0
    count: int = 0
    before: int = 0
    untold: int = 0  # part of the count that Redis has not been told

    def wait(self, now: float) -> float:
        """Seconds until one more fits in; 0: now."""
        window = int(now / self.limit.seconds)
        if window > self.window:
            self.before = self.count if window == self.window + 1 else 0
            self.window, self.count = window, 0
        passed = now - self.window * self.limit.seconds
        room = self.limit.most - self.count
        if room > 0:
            return max(0.0, self._until(self.before, room) - passed)
        # In the next window this one will be the one before.
        return self.limit.seconds - passed + self._until(self.count, self.limit.most)

    def _until(self, before: int, room: int) -> float:
        """When in a window its predecessor's share has sunk below the room that is left, in seconds from its begin."""
        return self.limit.seconds * (1 - room / before) if before >= room else 0.0


class SharedCounts:
    """Counts for one process, of so many subjects at most: the one that has been quiet longest makes room.

    every: seconds between two exchanges with Redis.
    """

    def __init__(self, settings: RuntimeSettings, *, every: float, most: int) -> None:
        self._settings = settings
        self._every = every
        self._most = most
        self._counts: dict[str, _Count] = {}
        self._due: dict[str, _Count] = {}
        self._lock = threading.Lock()
        self._counted = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        # From this process's clock to that of Redis, as far as it is known.
        self._ahead = time() - monotonic()
        self._away = False
        self._shared = not settings.uses_rabbitmq

    def take(self, subject: str, limits: Sequence[Limit]) -> float:
        """Count one request, if it fits into all limits: 0. Else nothing is counted: seconds until it may fit."""
        with self._lock:
            counts = self._of(subject, limits)
            wait = self._wait(counts)
            if wait == 0 and counts:
                for name, count in counts.items():
                    count.count += 1
                    if self._shared:
                        count.untold += 1
                        self._due[name] = count
                if self._shared:
                    self._start()
        if wait == 0 and counts:
            self._counted.set()
        return wait

    def wait(self, subject: str, limits: Sequence[Limit]) -> float:
        """What `take` would answer; nothing is counted."""
        with self._lock:
            return self._wait(self._of(subject, limits))

    def close(self) -> None:
        """Count no more with others."""
        self._closing.set()
        self._counted.set()
        if self._thread is not None:
            self._thread.join(2 * self._settings.redis_timeout)
            self._client.close()

    def _wait(self, counts: dict[str, _Count]) -> float:
        now = monotonic() + self._ahead
        return max((count.wait(now) for count in counts.values()), default=0.0)

    def _of(self, subject: str, limits: Sequence[Limit]) -> dict[str, _Count]:
        found = {}
        for limit in limits:
            name = f"{subject}:{limit.most}/{limit.seconds}"
            count = self._counts.pop(name, None) or _Count(limit)
            if len(self._counts) >= self._most:
                del self._counts[next(iter(self._counts))]
            found[name] = self._counts[name] = count
        return found

    def _start(self) -> None:
        # Late: a server that forks after loading the application needs the thread in each child.
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rates", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._counted.wait() and not self._closing.wait(PAUSE if self._away else self._every):
            self._counted.clear()
            try:
                self._exchange()
            except redis.RedisError as error:
                if not self._away:
                    log.warning("rates_not_shared", reason=type(error).__name__, then="each process counts for itself")
                self._away = True
            except Exception:  # the edge of the thread: without it this process would count alone for ever
                log.exception("fault")

    def _exchange(self) -> None:
        """Tell what was counted and learn what others have. What cannot be told is forgotten: the limits are wider then
        for a while, and never narrower than they are said to be."""
        with self._lock:
            due, self._due = self._due, {}
            told = {name: count.untold for name, count in due.items()}
            for count in due.values():
                count.untold = 0
        names = list(due)
        for begin in range(0, len(names), LARGEST_GROUP):
            group = names[begin : begin + LARGEST_GROUP]
            arguments = [value for name in group for value in (due[name].limit.seconds, told[name])]
            answer = self._add(keys=[PREFIX + name for name in group], args=arguments)
            self._learn([due[name] for name in group], float(answer[0]), answer[1:])
        if self._away:
            log.info("rates_shared")
        self._away = False

    def _learn(self, counts: Sequence[_Count], now: float, told: Sequence[int]) -> None:
        with self._lock:
            self._ahead = now - monotonic()
            for count, (shared, before) in zip(counts, zip(told[::2], told[1::2], strict=True), strict=True):
                count.window = math.floor(now / count.limit.seconds)
                count.count = shared + count.untold
                count.before = before

    @cached_property
    def _client(self) -> "redis.Redis":
        return redis_server.client(self._settings)

    @cached_property
    def _add(self) -> Script:
        return self._client.register_script(_ADD)
