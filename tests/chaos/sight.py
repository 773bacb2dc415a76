"""What the driver sees of the ledger while it runs."""

import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine, func, select

from penstock_contracts.queues import Queue
from penstock_runtime.database import LOST
from penstock_runtime.schema import jobs

OPEN = ("accepted", "queued", "running")
SENT = jobs.c.idempotency_key.not_like("schedule:%")
"""Of a load. What the schedule has made may have no worker here, and waits."""

LOOK_EVERY = 0.02

T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float, *, every: float = LOOK_EVERY) -> T | None:
    """The first true answer, or None after so many seconds. A PostgreSQL that is away is asked again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if answer := condition():
                return answer
        except LOST:
            pass
        time.sleep(every)
    return None


class Sight(Protocol):
    """Questions about the jobs. All raise what a lost PostgreSQL raises."""

    def running(self, *, worker: str | None = None) -> frozenset[str]:
        """Ids of the jobs that run, of one worker or of all; none where one of them must not be hit."""

    def open(self, queue: Queue | None = None) -> int:
        """How many jobs have not ended."""

    def ended(self) -> int:
        """How many jobs have ended."""


class Ledger:
    """What the ledger says."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def running(self, *, worker: str | None = None) -> frozenset[str]:
        """Ids of the jobs that run, of one worker or of all; none where one of them must not be hit.

        A job on its last attempt would end dead with the next hit, as is promised; so it is spared.
        """
        query = select(jobs.c.id, (jobs.c.attempt >= jobs.c.attempts).label("last")).where(jobs.c.state == "running")
        rows = self._rows(query.where(jobs.c.worker == worker) if worker else query)
        return frozenset() if any(row.last for row in rows) else frozenset(row.id for row in rows)

    def open(self, queue: Queue | None = None) -> int:
        """How many jobs of the load have not ended."""
        query = select(func.count()).where(jobs.c.state.in_(OPEN), SENT)
        return int(self._rows(query.where(jobs.c.queue == queue.name) if queue else query)[0][0])

    def ended(self) -> int:
        """How many jobs of the load have ended."""
        return int(self._rows(select(func.count()).where(jobs.c.finished_at.is_not(None), SENT))[0][0])

    def state(self, job_id: str) -> str | None:
        """The state of one job; None: there is no such row."""
        rows = self._rows(select(jobs.c.state).where(jobs.c.id == job_id))
        return str(rows[0].state) if rows else None

    def _rows(self, query: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query).all())
