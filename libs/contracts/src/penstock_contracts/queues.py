"""The one declaration of queues. What else names a queue derives it from here or is compared with it by a test.

This file holds meaning (pool, limits, attempts); how many replicas, greenlets and bytes a queue gets is the chart's.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

SEPARATOR = ":"
"""Stands between a queue's name and a priority in the name of a Redis list; never within a queue's name."""


class Pool(StrEnum):
    """Celery's worker pools that Penstock uses."""

    PREFORK = "prefork"
    GEVENT = "gevent"


class Priority(IntEnum):
    """Two steps. What is more urgent than normal deserves a queue of its own."""

    NORMAL = 0
    BULK = 5


def list_name(queue: str, priority: Priority) -> str:
    """The Redis list that holds the waiting messages of one priority in a queue of that name."""
    return queue if priority is Priority.NORMAL else f"{queue}{SEPARATOR}{priority.value}"


@dataclass(frozen=True)
class Queue:
    """One queue, its worker's pool, and what a job on it may use.

    time_limit: seconds one attempt may run before its process is stopped.
    attempts: how often a job may be started before it is given up.
    """

    name: str
    service: str
    pool: Pool
    time_limit: int
    attempts: int

    def __post_init__(self) -> None:
        if not self.name or SEPARATOR in self.name:
            raise ValueError(f"queue name {self.name!r} must not be empty or contain {SEPARATOR!r}")
        if self.time_limit < 1 or self.attempts < 1:
            raise ValueError(f"queue {self.name}: time_limit and attempts must be at least 1")

    def list_name(self, priority: Priority) -> str:
        """The Redis list that holds this queue's waiting messages of one priority, most urgent first."""
        return list_name(self.name, priority)

    @property
    def list_names(self) -> tuple[str, ...]:
        """All Redis lists of this queue, most urgent first."""
        return tuple(self.list_name(priority) for priority in Priority)

    @property
    def unacked_key(self) -> str:
        """The Redis hash that holds this queue's messages in flight."""
        return f"unacked{SEPARATOR}{self.name}"

    @property
    def paused_key(self) -> str:
        """The Redis key that is there while this queue is paused."""
        return f"penstock{SEPARATOR}paused{SEPARATOR}{self.name}"

    @property
    def dead_key(self) -> str:
        """The Redis hash that holds this queue's dead letters: messages without a row in the ledger."""
        return f"dead{SEPARATOR}{self.name}"

    @property
    def dead_index_key(self) -> str:
        """The Redis sorted set that says when each of them became one."""
        return f"{self.dead_key}_index"


DATASET = Queue("dataset", service="worker-dataset", pool=Pool.PREFORK, time_limit=3600, attempts=3)
GENERATION = Queue("generation", service="worker-generation", pool=Pool.PREFORK, time_limit=1800, attempts=3)
MAIL = Queue("mail", service="worker-mail", pool=Pool.GEVENT, time_limit=120, attempts=8)
OPS_TRACE = Queue("ops_trace", service="worker-opstrace", pool=Pool.GEVENT, time_limit=60, attempts=8)

QUEUES = (DATASET, GENERATION, MAIL, OPS_TRACE)
BY_NAME = {queue.name: queue for queue in QUEUES}
