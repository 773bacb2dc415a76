"""Rows as others see them."""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    literal_column,
    select,
    tuple_,
    union_all,
)

from penstock_runtime.schema import ENDED, FINISHED, OPEN, jobs


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

    In a transaction, since a page is planned for itself.
    """
    # Which index is the best depends on how many jobs the tenant has, and how many of them pass.
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
    wanted = {"tenant": tenant, "queue": queue, "task": task, "state": state}
    which = {name: value for name, value in wanted.items() if value is not None}
    behind = {} if before is None else {"seen_at": before[0], "seen_id": before[1]}
    page = _page(*which, behind=before is not None)
    return [to_view(row) for row in connection.execute(page, {**which, **behind, "at_most": limit})]


@cache
def _page(*names: str, behind: bool) -> Select[Any]:
    """`at_most` jobs with these columns as the parameters of the same names say, `behind` the job `seen_at`, `seen_id`.

    Put together once: it takes longer than running it does.
    """
    which = [jobs.c[name] == bindparam(name) for name in names]
    if behind:
        seen = bindparam("seen_at", type_=jobs.c.created_at.type), bindparam("seen_id", type_=jobs.c.id.type)
        which.append(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(*seen))

    def newest(*more: ColumnElement[bool]) -> Select[Any]:
        return select(*COLUMNS).where(*which, *more).order_by(*_newest_first(jobs.c)).limit(bindparam("at_most"))

    if "state" in names:
        return newest()
    # Of each part there is an index in the order of the page. They are merged, and none is read further than that.
    ended = [jobs.c.state == one for one in FINISHED]
    if {"queue", "task"} & set(names):
        ended = [literal_column(ENDED, Boolean)]
    found = union_all(*map(newest, [*ended, *(jobs.c.state == one for one in OPEN)])).subquery()
    return select(found).order_by(*_newest_first(found.c)).limit(bindparam("at_most"))


def _newest_first(columns: Any) -> tuple[ColumnElement[Any], ...]:
    return columns.created_at.desc(), columns.id.desc()
