"""Publish: saying in the row that a message is on its way. The message itself goes out between two transactions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, and_, func, or_, select, text, update

from penstock_contracts.queues import BY_NAME, Priority
from penstock_contracts.task import Message
from penstock_runtime.schema import ASKED_AT, NOW, jobs, relay


@dataclass(frozen=True)
class Publication:
    """One message to publish. `stamp` is also in the row: it tells this message from earlier ones of the same job.

    attempts_left: starts that the job still has, the coming one included. alone: a worker has died with it before and
    the coming start is its last one, so that no other job may run beside it.
    """

    job_id: str
    task: str
    queue: str
    priority: Priority
    payload: dict[str, Any]
    embed: dict[str, Any] | None
    stamp: datetime
    attempts_left: int
    alone: bool

    @classmethod
    def of(cls, job_id: str, message: Message, stamp: datetime) -> "Publication":
        """The first message of a job that was just accepted."""
        attempts = BY_NAME[message.queue].attempts
        return cls(
            job_id, message.task, message.queue, message.priority, message.payload, None, stamp, attempts, alone=False
        )


def confirmed_epoch() -> ScalarSelect[Any]:
    """The last epoch that Redis is known to have had: what is published now is at least that new."""
    return select(func.coalesce(func.max(relay.c.confirmed), 0)).scalar_subquery()


def mark_queued(connection: Connection, published: Iterable[Publication]) -> None:
    """These messages are in Redis. A row that has moved on (claimed, cancelled, published again) stays as it is."""
    # In id order, as everything that locks several rows does; else two of them could deadlock.
    sent = sorted(published, key=lambda item: item.job_id)
    if sent:
        connection.execute(_MARK, {"ids": [item.job_id for item in sent], "stamps": [item.stamp for item in sent]})


_MARK = text(
    """
    WITH sent AS (
        SELECT jobs.id FROM jobs
        JOIN unnest(CAST(:ids AS text[]), CAST(:stamps AS timestamptz[])) AS sent(id, stamp)
          ON jobs.id = sent.id AND jobs.published_at = sent.stamp
        WHERE jobs.state = 'accepted'
        ORDER BY jobs.id FOR UPDATE OF jobs
    )
    UPDATE jobs SET state = 'queued', publications = publications + 1, missing_since = NULL
    FROM sent WHERE jobs.id = sent.id
    """
)


def take_due(connection: Connection, *, most: int, publish_timeout: float) -> list[Publication]:
    """Stamp up to `most` rows that are due and that no publisher is busy with, oldest first.

    A publisher may be busy for `publish_timeout` seconds after its stamp. Commit before publishing: a second relay then
    finds them stamped, and one that dies leaves them to the next after the time-out.
    """
    due_at = func.coalesce(jobs.c.not_before, jobs.c.created_at)
    unattended = or_(
        jobs.c.published_at.is_(None),
        jobs.c.published_at < NOW - func.make_interval(0, 0, 0, 0, 0, 0, publish_timeout),
    )
    due = (
        select(jobs.c.id)
        .where(and_(jobs.c.state == "accepted", due_at <= ASKED_AT, unattended))
        .order_by(due_at, jobs.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.id == due.c.id)
        .values(published_at=NOW, published_epoch=confirmed_epoch())
        .returning(
            jobs.c.id,
            jobs.c.task,
            jobs.c.queue,
            jobs.c.priority,
            jobs.c.payload,
            jobs.c.embed,
            jobs.c.published_at,
            jobs.c.created_at,
            (jobs.c.attempts - jobs.c.attempt).label("attempts_left"),
            jobs.c.losses,
        )
    ).all()
    return [_publication(row) for row in sorted(rows, key=lambda row: (row.created_at, row.id))]


def _publication(row: Row[Any]) -> Publication:
    return Publication(
        row.id,
        row.task,
        row.queue,
        Priority(row.priority),
        row.payload,
        row.embed,
        row.published_at,
        row.attempts_left,
        alone=row.losses >= 1 and row.attempts_left <= 1,
    )
