"""Rows as others see them."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_

from penstock_runtime.schema import jobs

FINISHED = ("succeeded", "failed", "cancelled", "dead")
"""The states that no job leaves by itself."""


@dataclass(frozen=True)
class JobView:
    """One job as its tenant may see it. `error` holds `code` and `message`, `progress` `done`, `total`, `unit`."""

    id: str
    tenant: str
    task: str
    queue: str
    priority: int
    state: str
    attempt: int
    attempts: int
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    request_id: str | None
    cancel_requested: bool
    not_before: datetime | None
    deadline: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


COLUMNS = tuple(jobs.c[field.name] for field in fields(JobView))


def to_view(row: Row[Any]) -> JobView:
    """A row that was read with `COLUMNS`."""
    return JobView(**row._mapping)


def read_job(connection: Connection, job_id: str, *, tenant: str) -> JobView | None:
    """The job, or None where it does not exist or is another tenant's."""
    row = connection.execute(select(*COLUMNS).where(jobs.c.id == job_id, jobs.c.tenant == tenant)).one_or_none()
    return to_view(row) if row else None


def list_jobs(
    connection: Connection,
    *,
    tenant: str,
    limit: int,
    before: tuple[datetime, str] | None = None,
    queue: str | None = None,
    task: str | None = None,
    state: str | None = None,
) -> list[JobView]:
    """A tenant's jobs, newest first; `before` is the creation time and id of the last one already seen."""
    query = select(*COLUMNS).where(jobs.c.tenant == tenant)
    for column, value in ((jobs.c.queue, queue), (jobs.c.task, task), (jobs.c.state, state)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(*before))
    rows = connection.execute(query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit))
    return [to_view(row) for row in rows]
