"""What Redis holds of each queue: how much waits, what is in flight, and what stands at a list's end."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from penstock_contracts.queues import QUEUES, Priority, Queue
from penstock_runtime import redis_server
from penstock_runtime.broker import redis_errors
from penstock_runtime.headers import HEADER
from penstock_runtime.settings import RuntimeSettings

UNREADABLE = (ValueError, TypeError, LookupError)
"""What reading a message of anybody else's may raise. It must not stop the relay."""


@dataclass(frozen=True)
class QueueBacklog:
    """One queue's messages. `queued` is by priority name. In flight: taken by a worker and not yet acknowledged.

    paused: nothing more was taken from the moment on at which the rest was counted.
    """

    queue: str
    queued: dict[str, int]
    in_flight: int
    paused: bool = False


@dataclass(frozen=True)
class Tail:
    """The end of a list from which workers take. Not `stamped`: something of another sender stands there."""

    empty: bool
    stamped: datetime | None


def read_backlog(settings: RuntimeSettings) -> list[QueueBacklog]:
    """Every queue's figures, in the order of the declaration. Raises Unavailable when Redis is gone."""
    with redis_errors(), redis_server.client(settings) as client:
        pipeline = client.pipeline(transaction=False)
        for queue in QUEUES:
            pipeline.exists(queue.paused_key)  # first: nothing is taken then while the rest is counted
            for name in queue.list_names:
                pipeline.llen(name)
            pipeline.hlen(queue.unacked_key)
        answers = pipeline.execute()
    figures = iter(answers)
    return [
        QueueBacklog(
            queue.name,
            paused=bool(next(figures)),
            queued={priority.name.lower(): next(figures) for priority in Priority},
            in_flight=next(figures),
        )
        for queue in QUEUES
    ]


def read_tail(client: "redis.Redis", queue: Queue, priority: Priority) -> Tail:
    """What the next worker would take from one list."""
    raw = client.lindex(queue.list_name(priority), -1)
    return Tail(empty=raw is None, stamped=stamp_of(raw or ""))


def in_flight(client: "redis.Redis", queue: Queue, *, since: float) -> set[str]:
    """Ids of jobs whose message a worker took within the last `since` seconds and has not acknowledged.

    A message taken longer ago without its job having been started was taken by a worker that has died since.
    """
    now, _ = client.time()
    tags: Any = client.zrangebyscore(f"{queue.unacked_key}_index", now - since, "+inf")
    return set(_ids(client.hmget(queue.unacked_key, tags))) if tags else set()


def _ids(entries: Iterable[Any]) -> Iterator[str]:
    for entry in entries:
        # kombu keeps [message, exchange, routing key] under the delivery tag.
        with suppress(*UNREADABLE):
            yield json.loads(entry)[0]["headers"]["id"]


def stamp_of(raw: Any) -> datetime | None:
    """When the ledger published this message; None for another sender's."""
    with suppress(*UNREADABLE):
        stamp = datetime.fromisoformat(json.loads(raw)["headers"][HEADER]["published_at"])
        return stamp if stamp.tzinfo else None
    return None
