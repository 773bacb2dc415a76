"""Jobs whose message ends before it is started: Celery could not run it, was told not to, or knows no such task.

Each function moves the row where it waits, and returns the state that it is in then. None: the ledger has no such job.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, delete, or_, select, update

from penstock_runtime.ledger import run
from penstock_runtime.schema import NOW, jobs

PLAIN = "celery"
"""Origin of rows of tasks that are Celery's alone: they have a result here, and nothing of the ledger's promise."""

UNREGISTERED = "NotRegistered"
"""Code of the plain row that tells a Celery client that no worker knew its task."""

WAITING = jobs.c.state.in_(("accepted", "queued"))


def fail_unstarted(connection: Connection, job_id: str, error: dict[str, Any]) -> str | None:
    """Its message cannot be run, and the next one would be the same."""
    return _move(connection, job_id, WAITING, state="failed", error=error, token=None, finished_at=NOW)


def cancel_unstarted(connection: Connection, job_id: str, error: dict[str, Any], *, token: UUID) -> str | None:
    """A client revoked it, or it has expired; also where it runs, under this token."""
    mine = and_(jobs.c.state == "running", jobs.c.token == token)
    ended = {"token": None, "lease_until": None, "finished_at": NOW}
    return _move(connection, job_id, or_(WAITING, mine), state="cancelled", error=error, **ended)


def put_off(connection: Connection, job_id: str, error: dict[str, Any], *, first: float, most: float) -> str | None:
    """A worker took it that does not know its task: another one may. It waits `first` seconds, and then longer."""
    if _state(connection, job_id) is None:
        return None
    put = run.put_off(connection, job_id, error, after=first, most=most)
    return "accepted" if put else _state(connection, job_id)


def _move(connection: Connection, job_id: str, which: Any, **values: Any) -> str | None:
    ours = and_(jobs.c.id == job_id, jobs.c.origin != PLAIN)
    moved = connection.execute(update(jobs).where(ours, which).values(**values).returning(jobs.c.state)).scalar()
    return str(moved) if moved else _state(connection, job_id)


def _state(connection: Connection, job_id: str) -> str | None:
    ours = and_(jobs.c.id == job_id, jobs.c.origin != PLAIN)
    state = connection.execute(select(jobs.c.state).where(ours)).scalar()
    return None if state is None else str(state)


def forget_unregistered(connection: Connection, job_id: str) -> None:
    """The task is known now: what a client was told when it was not is no job."""
    told = and_(jobs.c.origin == PLAIN, jobs.c.state == "dead", jobs.c.error["code"].astext == UNREGISTERED)
    connection.execute(delete(jobs).where(jobs.c.id == job_id, told))
