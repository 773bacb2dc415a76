"""How long the oldest message of each queue has waited."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis

from penstock_contracts.queues import QUEUES
from penstock_runtime import redis_server
from penstock_runtime.backlog import UNREADABLE, stamp_of
from penstock_runtime.broker import redis_errors
from penstock_runtime.headers import ENQUEUED_AT
from penstock_runtime.settings import RuntimeSettings

SEEN = "penstock:first_seen"
"""A Redis hash with one field a list: which message without a stamp stands at its end, and since when we know of it."""


@dataclass(frozen=True)
class Oldest:
    """The message that waits longest. Not `exact`: another sender's, whose age is counted from when it was first seen
    at the end of its list."""

    seconds: float
    exact: bool


def read_oldest(settings: RuntimeSettings) -> dict[str, Oldest | None]:
    """By queue; None where nothing waits. Raises Unavailable when Redis is gone."""
    names = [name for queue in QUEUES for name in queue.list_names]
    with redis_errors(), redis_server.client(settings) as client:
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.lindex(name, -1)
        pipeline.hgetall(SEEN)
        pipeline.time()
        *tails, seen, (now, micros) = pipeline.execute()
        ages = {
            name: _age(client, name, tail, seen, now + micros / 1e6)
            for name, tail in zip(names, tails, strict=True)
            if tail is not None
        }
    return {
        queue.name: max(
            (ages[name] for name in queue.list_names if name in ages), key=lambda age: age.seconds, default=None
        )
        for queue in QUEUES
    }


def _age(client: "redis.Redis", name: str, tail: Any, seen: dict[Any, Any], now: float) -> Oldest:
    since = _sent_at(tail)
    if since is not None:
        # Two machines' clocks are compared, the sender's or PostgreSQL's and Redis's: they may differ by a little.
        return Oldest(max(0.0, round(now - since, 3)), exact=True)
    message = _id_of(tail)
    with suppress(*UNREADABLE):
        known, since = json.loads(seen[name.encode()])
        if known == message:
            return Oldest(max(0.0, round(now - since, 3)), exact=False)
    # A Redis that is full refuses this, and the age stays unknown: nothing else depends on it.
    with suppress(redis.ResponseError):
        client.hset(SEEN, name, json.dumps([message, now]))
    return Oldest(0.0, exact=False)


def _sent_at(raw: Any) -> float | None:
    """When the ledger published this message, or our transport sent it; None for another sender's."""
    stamp = stamp_of(raw)
    if stamp is not None:
        return stamp.timestamp()
    with suppress(*UNREADABLE):
        return float(json.loads(raw)["properties"][ENQUEUED_AT])
    return None


def _id_of(raw: Any) -> str:
    with suppress(*UNREADABLE):
        return str(json.loads(raw)["headers"]["id"])[:255]
    return hashlib.sha256(raw).hexdigest()
