"""What a worker asks for each job, put together once: that takes longer than running it does."""

from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from penstock_runtime.ledger.view import COLUMNS
from penstock_runtime.schema import NOW, OPEN, jobs, seconds

JOB, TOKEN = bindparam("this_job", type_=jobs.c.id.type), bindparam("this_token", type_=jobs.c.token.type)
WAITING = and_(
    jobs.c.state.in_(("accepted", "queued")),
    or_(jobs.c.not_before.is_(None), jobs.c.not_before <= NOW),
)
ABANDONED = and_(jobs.c.state == "running", jobs.c.lease_until < NOW)


def owned(job_id: Any, token: Any) -> ColumnElement[bool]:
    """The run with this token has it, and it has not ended."""
    # Open, not only running: the relay puts a row whose lease ran out back in line, and until it is taken it is ours.
    return and_(jobs.c.id == job_id, jobs.c.token == token, jobs.c.state.in_(OPEN))


def _claimable(token: Any) -> ColumnElement[bool]:
    timely = or_(jobs.c.deadline.is_(None), jobs.c.deadline > NOW)
    free = and_(or_(WAITING, ABANDONED), timely, jobs.c.attempt < jobs.c.attempts, ~jobs.c.cancel_requested)
    return or_(free, _taken(token))


def _taken(token: Any) -> ColumnElement[bool]:
    return and_(jobs.c.state == "running", jobs.c.token == token)


def _claim(which: ColumnElement[bool], token: Any) -> Update:
    taken = _taken(token)
    return (
        update(jobs)
        .where(which)
        .values(
            state="running",
            token=token,
            worker=bindparam("by_worker"),
            lease_until=NOW + seconds(bindparam("for_seconds", type_=Float())),
            attempt=case((taken, jobs.c.attempt), else_=jobs.c.attempt + 1),
            # A worker that stopped answering; here its job is taken before the relay has judged it.
            losses=case((and_(ABANDONED, ~taken), jobs.c.losses + 1), else_=jobs.c.losses),
            publications=0,
            missing_since=None,
            started_at=NOW,
            error=None,
        )
        .returning(*COLUMNS, jobs.c.token, jobs.c.payload.label("taken_payload"))
    )


CLAIM = _claim(and_(jobs.c.id == JOB, _claimable(TOKEN)), TOKEN)
"""Takes `this_job` for `this_token`, `by_worker`, `for_seconds`."""


@cache
def end_with(*names: str) -> Update:
    """Ends `this_job` of `this_token`, and sets each of these columns to `new_…`; `state` is one of them."""
    new = {name: bindparam(f"new_{name}", type_=jobs.c[name].type) for name in names}
    # The same end written twice is one: its first answer may have been lost.
    ended = and_(jobs.c.id == JOB, jobs.c.token == TOKEN, jobs.c.state == new["state"])
    return _end(or_(owned(JOB, TOKEN), ended), **new)


def _end(which: ColumnElement[bool], **values: Any) -> Update:
    return (
        update(jobs).where(which).values(finished_at=NOW, lease_until=None, **values).returning(jobs.c.id, jobs.c.token)
    )


def _given(**columns: Any) -> Any:
    """Parameters that are arrays of one length, `each_…`, as the rows of a table."""
    arrays = [bindparam(f"each_{name}", type_=ARRAY(type_)) for name, type_ in columns.items()]
    rows = func.unnest(*arrays).table_valued(*(column(name, type_) for name, type_ in columns.items()))
    return rows.render_derived(name="given")


def _unlocked(given: Any, which: ColumnElement[bool]) -> Any:
    # A row that another transaction has locked is passed over: many jobs are not to wait for one.
    found = select(jobs.c.id.label("job_id"), *(each for each in given.c if each.name != "id"))
    found = found.select_from(jobs.join(given, jobs.c.id == given.c.id)).where(which)
    return found.with_for_update(of=jobs, skip_locked=True).cte("unlocked")


def _claim_all() -> Update:
    given = _given(id=Text(), token=Uuid())
    mine = _unlocked(given, _claimable(given.c.token))
    return _claim(jobs.c.id == mine.c.job_id, mine.c.token)


CLAIM_ALL = _claim_all()
"""Takes jobs, `each_id` for `each_token`, `by_worker`, `for_seconds`, except those that others have locked."""


def _finish_all() -> Update:
    value = JSONB(none_as_null=True)
    given = _given(id=Text(), token=Uuid(), result=value, progress=value)
    # Written twice it is one, as above.
    mine = _unlocked(given, and_(jobs.c.token == given.c.token, jobs.c.state.in_((*OPEN, "succeeded"))))
    last = func.coalesce(mine.c.progress, jobs.c.progress)
    return _end(jobs.c.id == mine.c.job_id, state="succeeded", result=mine.c.result, error=None, progress=last)


FINISH_ALL = _finish_all()
"""Ends jobs, `each_id` of `each_token`, with `each_result` and `each_progress`; not those that others have locked."""
