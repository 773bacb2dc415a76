"""What a worker asks for each job, put together once: that takes longer than running it does."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Float, Update, and_, bindparam, case, or_, update

from penstock_runtime.ledger.view import COLUMNS
from penstock_runtime.schema import NOW, OPEN, jobs, seconds

JOB, TOKEN = bindparam("this_job", type_=jobs.c.id.type), bindparam("this_token", type_=jobs.c.token.type)


def owned(job_id: Any, token: Any) -> ColumnElement[bool]:
    """The run with this token has it, and it has not ended."""
    # Open, not only running: the relay puts a row whose lease ran out back in line, and until it is taken it is ours.
    return and_(jobs.c.id == job_id, jobs.c.token == token, jobs.c.state.in_(OPEN))


def _claim() -> Update:
    due = or_(jobs.c.not_before.is_(None), jobs.c.not_before <= NOW)
    timely = or_(jobs.c.deadline.is_(None), jobs.c.deadline > NOW)
    waiting = and_(jobs.c.state.in_(("accepted", "queued")), due)
    abandoned = and_(jobs.c.state == "running", jobs.c.lease_until < NOW)
    free = and_(or_(waiting, abandoned), timely, jobs.c.attempt < jobs.c.attempts, ~jobs.c.cancel_requested)
    taken = and_(jobs.c.state == "running", jobs.c.token == TOKEN)
    return (
        update(jobs)
        .where(jobs.c.id == JOB, or_(free, taken))
        .values(
            state="running",
            token=TOKEN,
            worker=bindparam("by_worker"),
            lease_until=NOW + seconds(bindparam("for_seconds", type_=Float())),
            attempt=case((taken, jobs.c.attempt), else_=jobs.c.attempt + 1),
            # A worker that stopped answering; here its job is taken before the relay has judged it.
            losses=case((and_(abandoned, ~taken), jobs.c.losses + 1), else_=jobs.c.losses),
            publications=0,
            missing_since=None,
            started_at=NOW,
            error=None,
        )
        .returning(*COLUMNS, jobs.c.payload.label("taken_payload"))
    )


CLAIM = _claim()
"""Takes `this_job` for `this_token`, `by_worker`, `for_seconds`."""


@cache
def end_with(*names: str) -> Update:
    """Ends `this_job` of `this_token`, and sets each of these columns to `new_…`; `state` is one of them."""
    new = {name: bindparam(f"new_{name}", type_=jobs.c[name].type) for name in names}
    # The same end written twice is one: its first answer may have been lost.
    ended = and_(jobs.c.id == JOB, jobs.c.token == TOKEN, jobs.c.state == new["state"])
    return (
        update(jobs)
        .where(or_(owned(JOB, TOKEN), ended))
        .values(finished_at=NOW, lease_until=None, **new)
        .returning(jobs.c.id)
    )
