"""What a client may do to a job: cancel it, and let a failed one start over."""

from sqlalchemy import Connection, case, literal, update
from sqlalchemy.dialects.postgresql import JSONB

from penstock_runtime.ledger.view import COLUMNS, JobView, read_job, to_view
from penstock_runtime.schema import NOW, jobs

RETRYABLE = ("failed", "dead", "cancelled")
"""The states that a job may start over from."""

ASKED = literal({"code": "cancelled", "message": "cancelled before it was started"}, JSONB)


def cancel(connection: Connection, job_id: str, *, tenant: str) -> JobView | None:
    """Cancel a tenant's job. A waiting one is cancelled now; a running one when its worker hears of it; a finished one
    stays as it is. None: there is no such job."""
    running = jobs.c.state == "running"
    row = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.tenant == tenant, jobs.c.state.in_(("accepted", "queued", "running")))
        .values(
            state=case((running, "running"), else_="cancelled"),
            cancel_requested=True,
            token=case((running, jobs.c.token), else_=None),
            finished_at=case((running, None), else_=NOW),
            error=case((running, jobs.c.error), else_=ASKED),
        )
        .returning(*COLUMNS)
    ).one_or_none()
    return to_view(row) if row else read_job(connection, job_id, tenant=tenant)


def start_over(connection: Connection, job_id: str, *, tenant: str) -> JobView | None:
    """Put a failed, dead or cancelled job back in line with all its attempts. Another state stays as it is.

    None: there is no such job. A deadline that has passed is lifted: whoever asks now wants it done.
    """
    row = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.tenant == tenant, jobs.c.state.in_(RETRYABLE))
        .values(
            state="accepted",
            attempt=0,
            publications=0,
            token=None,
            error=None,
            progress=None,
            cancel_requested=False,
            not_before=NOW,
            deadline=None,
            published_at=None,
            finished_at=None,
        )
        .returning(*COLUMNS)
    ).one_or_none()
    return to_view(row) if row else read_job(connection, job_id, tenant=tenant)
