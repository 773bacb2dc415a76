"""What a fleet of stock workers of kombu's own names leaves: what waits is read, and what is stuck goes back."""

import json
from collections.abc import Iterable
from time import monotonic
from typing import Any

import redis
from kombu.transport import redis as stock

from penstock_runtime.transport.abandoned import UNREADABLE
from penstock_runtime.transport.log import Log

log = Log(__name__)

NAMES = stock.Channel.sep, stock.PRIORITY_STEPS
"""Separator and steps of kombu's own lists."""

SWEEP_EVERY = 10.0
"""Seconds between two looks at what stock workers hold, as a stock worker takes."""

PAGE = 1000
"""Entries that are read at once."""

MOST_FREED = 100
"""Messages that one look returns; then the next one follows in a second."""


class Leavings(stock.QoS):
    """What stock workers hold in kombu's one hash for all queues, and how kombu itself puts it back.

    Without kombu's mutex: what is returned is fenced by WATCH, and a mutex whose holder died stays for minutes.
    """

    unacked_key = stock.Channel.unacked_key
    unacked_index_key = stock.Channel.unacked_index_key

    def __init__(self, channel: Any) -> None:
        # Not kombu's, which would keep the channel until the process ends.
        self.channel = channel
        self._next = float("-inf")

    def sweep(self) -> None:
        """Return what is older than the visibility timeout and of a queue that the channel consumes, if it is time."""
        now = monotonic()
        if now < self._next:
            return
        self._next = now + SWEEP_EVERY
        try:
            freed = self._free(self.channel.client)
        except (redis.RedisError, OSError) as error:
            log.warning("not_swept", hash=self.unacked_key, reason=str(error)[:200])
            return
        if freed:
            log.warning("returned_from_stock", hash=self.unacked_key, messages=freed)
        if freed >= MOST_FREED:
            self._next = now + 1

    def _free(self, client: Any) -> int:
        seconds, microseconds = client.time()
        until = seconds + microseconds / 1e6 - self.visibility_timeout
        freed = passed = 0
        while freed < MOST_FREED:
            tags = client.zrange(self.unacked_index_key, "-inf", until, byscore=True, offset=passed, num=PAGE)
            entries = client.hmget(self.unacked_key, tags) if tags else ()
            for tag, entry in zip(tags, entries, strict=True):
                if freed < MOST_FREED and self._is_of_the_channel(entry):
                    self.restore_by_tag(tag, client)
                    freed += 1
                else:
                    passed += 1
            if len(tags) < PAGE:
                break
        return freed

    def _is_of_the_channel(self, entry: Any) -> bool:
        """Others go back by the workers of their queues, who know how their lists are called."""
        try:
            _, exchange, routing_key = json.loads(entry)
        except UNREADABLE:
            return False
        return not set(self.channel.active_queues).isdisjoint(self.channel._lookup(exchange, routing_key))


def resplit(rows: Iterable[tuple[str, ...]], separator: str) -> list[tuple[str, ...]]:
    """The rows of a table of bindings, of which some were written with kombu's separator and not with this one."""
    texts = (separator.join(row) for row in rows)
    return [tuple(text.split(NAMES[0] if NAMES[0] in text else separator)) for text in texts]
