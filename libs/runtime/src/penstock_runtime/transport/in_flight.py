"""What this process has claimed from one Redis and not yet settled.

It belongs to the process and not to a connection: a task that outlives its connection is settled over the next one.
"""

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Any
from uuid import uuid4

import redis

from penstock_runtime.transport.abandoned import Limits, redelivered
from penstock_runtime.transport.giving_back import Return, put_back, taken
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.log import Log
from penstock_runtime.transport.scripts import BORN, MOST_SETTLED, TAG
from penstock_runtime.transport.signs_of_life import GONE, MOST_RETURNED, SignsOfLife

log = Log(__name__)

MOST_DOUBTFUL = 100
"""Claims without an answer that are asked after; the messages of earlier ones go back for want of a sign of life."""


@dataclass(frozen=True)
class Held:
    """A message in flight that is this process's, as it stood on its list."""

    keys: QueueKeys
    raw: bytes


class InFlight:
    """The deliveries of this process from one Redis.

    Everything but the scripts is done by single steps on dicts and deques, which need no lock: the consumer's loop,
    tasks in other threads and the thread of the signs of life share them.
    """

    def __init__(self, pools: tuple[Any, Any], limits: Limits, prefix: str) -> None:
        """pools: of connections for the thread of the signs of life, and for all others. gevent's sockets belong to
        the thread that made them."""
        self.process = uuid4().hex
        beats, self._others = (redis.Redis(connection_pool=pool) for pool in pools)
        self.signs = SignsOfLife(self, beats, limits, prefix + BORN)
        self._held: dict[str, Held] = {}
        self._acks: deque[tuple[QueueKeys, str]] = deque()
        self._returns: deque[Return] = deque()
        self._queues: dict[QueueKeys, None] = {}
        self._doubtful: deque[tuple[QueueKeys, list[str]]] = deque(maxlen=MOST_DOUBTFUL)
        self._numbers = 0
        self.begun = False
        """Whether a worker of this process has begun to consume."""
        Finalize(self, self.close, exitpriority=1)

    def __len__(self) -> int:
        return len(self._held)

    def numbers(self, count: int) -> int:
        """The first of so many numbers that no delivery of this process has had."""
        first = self._numbers
        self._numbers += count
        return first

    def tags_from(self, first: int, count: int) -> list[str]:
        """As the script names what it claims with these numbers."""
        return [f"{TAG}{self.process}:{number}" for number in range(first, first + count)]

    def doubt(self, keys: QueueKeys, tags: list[str]) -> None:
        """A claim that would have named its messages so may have been done: its answer was lost."""
        self._doubtful.append((keys, tags))

    def doubted(self, queues: Collection[QueueKeys]) -> list[tuple[QueueKeys, list[str]]]:
        """Take what was doubted of these queues; `doubt` it again where nobody could be asked."""
        if not self._doubtful:
            return []
        found = taken(self._doubtful, len(self._doubtful))
        self._doubtful.extend(one for one in found if one[0] not in queues)
        return [one for one in found if one[0] in queues]

    def look_after(self, keys: QueueKeys) -> None:
        """From now on return what other processes abandon in this queue."""
        self._queues[keys] = None
        self.signs.start()

    def forget(self, keys: QueueKeys) -> None:
        """This queue is consumed no longer."""
        self._queues.pop(keys, None)

    def hold(self, tag: str, keys: QueueKeys, raw: bytes) -> None:
        """This delivery is ours until it is settled."""
        self.signs.start()
        self._held[tag] = Held(keys, raw)

    def held(self, tag: str) -> Held | None:
        """This delivery, where it is neither settled nor lost."""
        return self._held.get(tag)

    def drop(self, tag: str) -> None:
        """Redis has already been told what became of it."""
        self._held.pop(tag, None)

    def tags(self, *, newest_first: bool) -> list[str]:
        """What is held, in the order of its claims."""
        return sorted(self._held, key=number_of, reverse=newest_first)

    def held_by_queue(self) -> dict[QueueKeys, list[str]]:
        """The tags of what is held, by the queues that are looked after or have some."""
        found: dict[QueueKeys, list[str]] = {keys: [] for keys in list(self._queues)}
        for tag, delivery in list(self._held.items()):
            found.setdefault(delivery.keys, []).append(tag)
        return found

    def is_held(self, tag: str) -> bool:
        """Whether this delivery is neither settled nor lost."""
        return tag in self._held

    def settle(self, tag: str) -> None:
        """It was acknowledged. Redis hears of it with the next `settled`, or from `flush`."""
        held = self._held.pop(tag, None)
        if held is not None:
            self._acks.append((held.keys, tag))

    def give_back(self, tag: str, *, front: bool) -> None:
        """It goes back to its list: as the next one in line, or as the last. It does not count as a delivery."""
        held = self._held.pop(tag, None)
        if held is not None:
            text, to = redelivered(held.keys, held.raw)
            self._returns.append(Return(held.keys, tag, text, to, front))

    @property
    def has_news(self) -> bool:
        """Whether Redis has to hear of something, or to be asked for something."""
        return bool(self._acks or self._returns or self._doubtful)

    @property
    def has_settled(self) -> bool:
        """Whether Redis has still to hear of something."""
        return bool(self._acks or self._returns)

    def settled_beside(self) -> bool:
        """Whether something waits for `flush` that no turn tells: what goes back, or is of a queue without turns."""
        if self._returns or not self._acks:
            return bool(self._returns)
        return any(keys not in self._queues for keys in {keys for keys, _ in list(self._acks)[:100]})

    def settled(self, queues: Iterable[QueueKeys]) -> dict[QueueKeys, list[str]]:
        """Take what was acknowledged of these queues, for a script that tells Redis. `unsettle` where that failed."""
        found: dict[QueueKeys, list[str]] = {keys: [] for keys in queues}
        if not self._acks:
            return found
        others = []
        for keys, tag in taken(self._acks, min(len(self._acks), MOST_SETTLED)):
            if keys in found:
                found[keys].append(tag)
            else:
                others.append((keys, tag))
        self._acks.extend(others)
        return found

    def unsettle(self, settled: dict[QueueKeys, list[str]]) -> None:
        """Redis may not have heard of these: they are told again, which does no harm."""
        self._acks.extend((keys, tag) for keys, tags in settled.items() for tag in tags)

    def client(self) -> "redis.Redis":
        """A client for whatever is no turn."""
        return self._others

    def flush(self, client: "redis.Redis | None" = None) -> None:
        """Tell Redis what is settled, by way of `client()` or another one. Raises what redis-py does; what was not told
        stays to be told."""
        client = client or self._others
        while self._acks:
            for keys, tags in (told := self.settled(dict(list(self._acks)))).items():
                try:
                    if tags:
                        client.hdel(keys.unacked, *tags)
                        client.zrem(keys.index, *tags)
                except BaseException:
                    self.unsettle(told)
                    raise
        while self._returns:
            items = taken(self._returns, MOST_RETURNED)
            try:
                put_back(client, items, self.signs.born_key, self.signs.born)
            except BaseException:
                self._returns.extendleft(reversed(items))  # what went back already is not in flight, and stays there
                raise

    def close(self) -> None:
        """The process ends: what is settled is told, and what is not goes back to the front of its line."""
        for tag in self.tags(newest_first=True):
            self.give_back(tag, front=True)
        try:
            if self.has_settled:
                self.flush()
        except GONE as error:
            reason = type(error).__name__
            log.warning("not_settled", deliveries=len(self._acks) + len(self._returns), reason=reason)


def number_of(tag: str) -> int:
    """The place of a delivery in the order of its process's claims."""
    number = tag.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


_of_this_process: dict[tuple[int, str], InFlight] = {}


def in_flight_at(address: str, make: Callable[[], InFlight]) -> InFlight:
    """The one for that address in this process. A forked child has its own, and nothing in it."""
    place = os.getpid(), address
    if place not in _of_this_process:
        _of_this_process[place] = make()
    return _of_this_process[place]
