"""Cancel: at once while a job waits, by its worker once it runs."""

from sqlalchemy import Connection, case, literal, update
from sqlalchemy.dialects.postgresql import JSONB

from penstock_runtime.ledger.view import COLUMNS, JobView, read_job, to_view
from penstock_runtime.schema import NOW, jobs

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
