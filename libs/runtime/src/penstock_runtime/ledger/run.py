"""What a worker does with a job. Every write compares the token that its claim put into the row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import Insert, insert

from penstock_contracts.queues import BY_NAME
from penstock_contracts.task import Message
from penstock_runtime.ledger.statements import CLAIM, CLAIM_ALL, FINISH_ALL, end_with, owned
from penstock_runtime.ledger.view import COLUMNS, JobView, to_view
from penstock_runtime.schema import NOW, jobs, seconds


@dataclass(frozen=True)
class Claim:
    """A job that is now this worker's until its lease runs out."""

    job: JobView
    token: UUID
    payload: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """A run that succeeded, having come so far."""

    id: str
    token: UUID
    result: dict[str, Any]
    progress: dict[str, Any] | None


def claim(connection: Connection, job_id: str, token: UUID, *, lease: float, worker: str) -> Claim | None:
    """Take a job that waits and is due, or whose lease ran out. None: it is not to be had; see `state_of`.

    May be repeated with the same token, where the first answer was lost: it is one attempt.
    """
    mine = {"this_job": job_id, "this_token": token, "by_worker": worker, "for_seconds": lease}
    row = connection.execute(CLAIM, mine).one_or_none()
    return _claim(row)


def claim_all(
    connection: Connection, wanted: Sequence[tuple[str, UUID]], *, lease: float, worker: str
) -> list[Claim | None]:
    """`claim` for each of these ids and tokens in one statement. None also where somebody has locked the row."""
    ids, tokens = zip(*wanted, strict=True)
    mine = {"each_id": ids, "each_token": tokens, "by_worker": worker, "for_seconds": lease}
    taken = {(row.id, row.token): row for row in connection.execute(CLAIM_ALL, mine)}
    return [_claim(taken.get(one)) for one in wanted]


def adopt(
    connection: Connection,
    job_id: str,
    message: Message,
    token: UUID,
    *,
    tenant: str,
    embed: dict[str, Any] | None,
    lease: float,
    worker: str,
) -> Claim | None:
    """Make the row of a message that came from a Celery client, already running. None: the row exists, claim it."""
    running = {"token": token, "worker": worker, "lease_until": NOW + seconds(lease), "started_at": NOW, "attempt": 1}
    row = connection.execute(
        adopted(job_id, message, tenant=tenant, embed=embed, state="running", **running).returning(
            *COLUMNS, jobs.c.token, jobs.c.payload.label("taken_payload")
        )
    ).one_or_none()
    return _claim(row)


def adopted(job_id: str, message: Message, *, tenant: str, embed: dict[str, Any] | None, **values: Any) -> Insert:
    """The row of a Celery client's message, in the state that `values` say. Where the id has one, nothing."""
    row = {
        "id": job_id,
        "tenant": tenant,
        "task": message.task,
        "queue": message.queue,
        "priority": message.priority,
        "payload": message.payload,
        "embed": embed,
        "origin": "adopted",
        "attempts": BY_NAME[message.queue].attempts,
    }
    return insert(jobs).values(**row, **values).on_conflict_do_nothing(index_elements=[jobs.c.id])


def _claim(row: Any) -> Claim | None:
    if row is None:
        return None
    values = dict(row._mapping)
    payload, token = values.pop("taken_payload"), values.pop("token")
    return Claim(JobView(**values), token, payload)


def state_of(connection: Connection, job_id: str) -> JobView | None:
    """The row as a worker sees it, whatever its tenant. None: there is none."""
    row = connection.execute(select(*COLUMNS).where(jobs.c.id == job_id)).one_or_none()
    return to_view(row) if row else None


def bury_unknown(connection: Connection, job_id: str, message: Message, *, tenant: str) -> None:
    """Keep a message of the ledger's whose row is gone (retention, an old Redis) as a dead letter; it never runs."""
    error = {
        "code": "row_missing",
        "message": "a message came whose job is not in the ledger; send it again if wanted",
    }
    connection.execute(
        insert(jobs)
        .values(
            id=job_id,
            tenant=tenant,
            task=message.task,
            queue=message.queue,
            priority=message.priority,
            payload=message.payload,
            state="dead",
            attempts=BY_NAME[message.queue].attempts,
            error=error,
            finished_at=NOW,
        )
        .on_conflict_do_nothing(index_elements=[jobs.c.id])
    )


def put_off(
    connection: Connection, job_id: str, error: dict[str, Any], *, after: float, most: float | None = None
) -> bool:
    """A message of a waiting job was not for this worker (it does not know the task): it waits, and is published again.

    It waits `after` seconds, and with `most` twice as long each time, up to that. The error is kept to be seen. False:
    the job does not wait, and stays as it is. After `most_publications` the relay gives it up.
    """
    waiting = jobs.c.state.in_(("accepted", "queued"))
    # The message was read: where its publisher has not said so yet, it never will, as its stamp goes.
    unconfirmed = and_(jobs.c.state == "accepted", jobs.c.published_at.is_not(None))
    count = case((unconfirmed, jobs.c.publications + 1), else_=jobs.c.publications)
    doublings = func.least(func.greatest(count - 1, 0), 30)
    pause = after if most is None else func.least(func.power(2.0, doublings) * after, most)
    row = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, waiting)
        .values(
            state="accepted",
            publications=count,
            error=error,
            published_at=None,
            missing_since=None,
            not_before=NOW + seconds(pause),
        )
        .returning(jobs.c.id)
    ).one_or_none()
    return row is not None


def renew(connection: Connection, held: Iterable[tuple[str, UUID]], *, lease: float) -> dict[str, bool]:
    """Prolong these leases in one statement. Returns the ids still held, each with whether cancelling is asked for.

    Compares the token, not the time: a lease that ran out but was not taken is taken up again.
    """
    pairs = sorted(set(held))
    if not pairs:
        return {}
    rows = connection.execute(
        text(
            """
            WITH held AS (
                SELECT jobs.id FROM jobs
                JOIN unnest(CAST(:ids AS text[]), CAST(:tokens AS uuid[])) AS mine(id, token)
                  ON jobs.id = mine.id AND jobs.token = mine.token
                WHERE jobs.state IN ('accepted', 'queued', 'running')
                ORDER BY jobs.id FOR UPDATE OF jobs
            )
            UPDATE jobs SET state = 'running', lease_until = clock_timestamp() + make_interval(secs => :lease)
            FROM held WHERE jobs.id = held.id
            RETURNING jobs.id, jobs.cancel_requested
            """
        ),
        {
            "ids": [job_id for job_id, _ in pairs],
            "tokens": [str(token) for _, token in pairs],
            "lease": lease,
        },
    )
    return {row.id: row.cancel_requested for row in rows}


def progress(connection: Connection, job_id: str, token: UUID, now_at: dict[str, Any]) -> bool | None:
    """Store how far a run is. Returns whether cancelling is asked for; None: the job is no longer this run's."""
    row = connection.execute(
        update(jobs).where(owned(job_id, token)).values(progress=now_at).returning(jobs.c.cancel_requested)
    ).one_or_none()
    return None if row is None else bool(row.cancel_requested)


def finish(
    connection: Connection, job_id: str, token: UUID, result: dict[str, Any], *, progress: dict[str, Any] | None = None
) -> bool:
    """The run succeeded, having come so far. False: the job was taken over, and this result does not count."""
    last = {} if progress is None else {"progress": progress}
    return _end(connection, job_id, token, state="succeeded", result=result, error=None, **last)


def finish_all(connection: Connection, ends: Sequence[Finished]) -> list[bool]:
    """`finish` for each of these in one statement. False also where somebody has locked the row."""
    each = {f"each_{field.name}": [getattr(end, field.name) for end in ends] for field in fields(Finished)}
    written = {(row.id, row.token) for row in connection.execute(FINISH_ALL, each)}
    return [(end.id, end.token) in written for end in ends]


def fail(connection: Connection, job_id: str, token: UUID, error: dict[str, Any], *, state: str = "failed") -> bool:
    """The run ended for good: `failed` by the task's own verdict, `dead` where people must look, or `cancelled`."""
    return _end(connection, job_id, token, state=state, error=error)


def _end(connection: Connection, job_id: str, token: UUID, **values: Any) -> bool:
    new = {f"new_{name}": value for name, value in values.items()}
    row = connection.execute(end_with(*values), {"this_job": job_id, "this_token": token, **new}).one_or_none()
    return row is not None


def retry(connection: Connection, job_id: str, token: UUID, error: dict[str, Any], *, after: float) -> str | None:
    """Wait `after` seconds in the ledger and run again; on the last attempt the job is dead.

    Returns the new state (accepted, cancelled, dead); None: the job was taken over.
    """
    return _put_back(connection, job_id, token, error, after=after, counted=True)


def give_back(connection: Connection, job_id: str, token: UUID, error: dict[str, Any], *, counted: bool) -> str | None:
    """Put a job back in line at once. Counted: its process died, which has used an attempt, and is a loss.

    Not counted: the worker gave it up by itself, and the attempt is returned.
    """
    return _put_back(connection, job_id, token, error, after=0, counted=counted, lost=counted)


def _put_back(
    connection: Connection,
    job_id: str,
    token: UUID,
    error: dict[str, Any],
    *,
    after: float,
    counted: bool,
    lost: bool = False,
) -> str | None:
    attempt = jobs.c.attempt if counted else jobs.c.attempt - 1
    spent = attempt >= jobs.c.attempts
    state = case((jobs.c.cancel_requested, "cancelled"), (spent, "dead"), else_="accepted")
    row = connection.execute(
        update(jobs)
        .where(owned(job_id, token))
        .values(
            state=state,
            attempt=attempt,
            losses=jobs.c.losses + int(lost),
            token=None,
            lease_until=None,
            error=error,
            # No message is on its way: the relay publishes the row when it is due.
            published_at=None,
            not_before=NOW + seconds(after) if after else None,
            finished_at=case((or_(jobs.c.cancel_requested, spent), NOW), else_=None),
        )
        .returning(jobs.c.state)
    ).one_or_none()
    return None if row is None else str(row.state)
