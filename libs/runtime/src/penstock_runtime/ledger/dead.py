"""Dead letters of the ledger: jobs that ended `dead`, until somebody lets them start over or discards them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, func, select, tuple_, update

from penstock_runtime.ledger.cancel import start_over
from penstock_runtime.schema import jobs

DISCARDED = "discarded"
"""The error code of a job that was one."""

Position = tuple[datetime, str]
"""When a job died, and its id."""


@dataclass(frozen=True)
class DeadJob:
    """A dead job as its tenant may see it. losses: how often a worker died with it. payload_bytes: as JSON text."""

    id: str
    queue: str
    task: str
    priority: int
    error: dict[str, Any] | None
    attempt: int
    losses: int
    died_at: datetime
    payload_bytes: int = 0

    @property
    def position(self) -> Position:
        return self.died_at, self.id


_COLUMNS = (
    jobs.c.id,
    jobs.c.queue,
    jobs.c.task,
    jobs.c.priority,
    jobs.c.error,
    jobs.c.attempt,
    jobs.c.losses,
    jobs.c.finished_at.label("died_at"),
)


def list_dead(
    connection: Connection, *, tenant: str, limit: int, behind: Position | None = None, queue: str | None = None
) -> list[DeadJob]:
    """A tenant's dead jobs, of those that died last first, behind a position. How large a payload is is not told."""
    query = select(*_COLUMNS).where(jobs.c.tenant == tenant, jobs.c.state == "dead")
    if queue is not None:
        query = query.where(jobs.c.queue == queue)
    if behind is not None:
        query = query.where(tuple_(jobs.c.finished_at, jobs.c.id) < tuple_(*behind))
    rows = connection.execute(query.order_by(jobs.c.finished_at.desc(), jobs.c.id.desc()).limit(limit))
    return [DeadJob(**row._mapping) for row in rows]


def read_dead(connection: Connection, job_id: str, *, tenant: str, lock: bool = False) -> DeadJob | None:
    """The dead job; None where there is none, or it is another tenant's. lock: it stays dead in this transaction."""
    size = func.octet_length(cast(jobs.c.payload, Text)).label("payload_bytes")
    query = select(*_COLUMNS, size).where(_is_dead(job_id, tenant))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return DeadJob(**row._mapping) if row else None


def replay_dead(connection: Connection, job_id: str, *, tenant: str) -> DeadJob | None:
    """Let a dead job start over, and return what it was. None: it is not dead now, and stays as it is."""
    found = read_dead(connection, job_id, tenant=tenant, lock=True)
    if found is not None:
        start_over(connection, job_id, tenant=tenant)
    return found


def discard_dead(connection: Connection, job_id: str, *, tenant: str) -> DeadJob | None:
    """Take a dead job out of the dead letters, and return what it was. None: it is not dead now, and stays as it is.

    It becomes `cancelled` with the code `discarded` and keeps the message of its error, and the time of its end: nobody
    is told of a second end, and it is kept no longer than it would have been.
    """
    found = read_dead(connection, job_id, tenant=tenant, lock=True)
    if found is not None:
        error = {"code": DISCARDED, "message": (found.error or {}).get("message", "")}
        connection.execute(update(jobs).where(_is_dead(job_id, tenant)).values(state="cancelled", error=error))
    return found


def _is_dead(job_id: str, tenant: str) -> ColumnElement[bool]:
    return and_(jobs.c.id == job_id, jobs.c.tenant == tenant, jobs.c.state == "dead")
