"""Rows as others see them."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Row, Select, literal_column, select, tuple_, union_all

from penstock_runtime.schema import ENDED, OPEN, jobs


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
    """A tenant's jobs, newest first; `before` is the creation time and id of the last one already seen.

    In a transaction, since a page that is filtered is planned for itself.
    """
    mine = [jobs.c.tenant == tenant]
    mine += [column == value for column, value in ((jobs.c.queue, queue), (jobs.c.task, task)) if value is not None]
    if before is not None:
        mine.append(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(*before))

    if (queue, task, state) != (None, None, None):
        # Which index is the best depends on how many jobs the tenant has, and how many of them pass.
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")

    def newest(*which: ColumnElement[bool]) -> Select[Any]:
        return select(*COLUMNS).where(*mine, *which).order_by(*_newest_first(jobs.c)).limit(limit)

    if state is not None:
        query = newest(jobs.c.state == state)
    elif queue is None and task is None:
        query = newest()
    else:
        # Of each part there is an index in the order of the page.
        parts = [newest(literal_column(ENDED, Boolean)), *(newest(jobs.c.state == one) for one in OPEN)]
        found = union_all(*parts).subquery()
        query = select(found).order_by(*_newest_first(found.c)).limit(limit)
    return [to_view(row) for row in connection.execute(query)]


def _newest_first(columns: Any) -> tuple[ColumnElement[Any], ...]:
    return columns.created_at.desc(), columns.id.desc()
