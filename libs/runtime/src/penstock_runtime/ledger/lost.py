"""What the relay brings back: jobs of dead workers, and jobs whose message Redis no longer has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from penstock_contracts.queues import Priority
from penstock_runtime.schema import ASKED_AT, NOW, jobs, relay, seconds

WORKER_LOST = literal({"code": "worker_lost", "message": "its worker stopped answering on every attempt"}, JSONB)
TOO_LATE = literal({"code": "deadline_passed", "message": "it was not started before its deadline"}, JSONB)
CANCELLED = literal({"code": "cancelled", "message": "cancelled; its worker stopped answering"}, JSONB)


EARLIEST = 0.9
"""An epoch follows the last one after this part of a relay's period, so that a pass which is a little early counts."""


@dataclass(frozen=True)
class Counter:
    """The epoch as PostgreSQL has it: Redis was seen with `confirmed`, by a server process called `run_id`."""

    confirmed: int
    run_id: str | None


def expire_leases(connection: Connection, *, most: int, until: datetime) -> list[str]:
    """Put jobs whose lease ran out back in line, and return their ids.

    The token stays: a worker that was only paused may go on until another one claims the job. Only a judge who has seen
    PostgreSQL healthy for a whole lease may call this; after an outage every lease is stale. Hence `until`: where this
    statement itself was held up beyond that time, it does nothing.
    """
    spent = jobs.c.attempt >= jobs.c.attempts
    over = or_(jobs.c.cancel_requested, spent)
    gone = (
        select(jobs.c.id)
        .where(jobs.c.state == "running", jobs.c.lease_until < ASKED_AT, until > NOW)
        .order_by(jobs.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("gone")
    )
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.id == gone.c.id)
        .values(
            state=case((jobs.c.cancel_requested, "cancelled"), (spent, "dead"), else_="accepted"),
            error=case((jobs.c.cancel_requested, CANCELLED), (spent, WORKER_LOST), else_=jobs.c.error),
            finished_at=case((over, NOW), else_=None),
            token=case((over, None), else_=jobs.c.token),
            losses=jobs.c.losses + 1,
            published_at=None,
        )
        .returning(jobs.c.id)
    )
    return [row.id for row in rows]


def pass_deadlines(connection: Connection, *, most: int) -> list[str]:
    """Cancel waiting jobs whose deadline has passed, and return their ids. A next attempt waits too."""
    late = (
        select(jobs.c.id)
        .where(jobs.c.state.in_(("accepted", "queued")), jobs.c.deadline < ASKED_AT)
        .order_by(jobs.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("late")
    )
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.id == late.c.id)
        .values(state="cancelled", error=TOO_LATE, token=None, finished_at=NOW)
        .returning(jobs.c.id)
    )
    return [row.id for row in rows]


def end_unstarted(connection: Connection, *, published: int, most: int) -> list[str]:
    """End jobs that are due to be published once more after so many publications without a start; return their ids.

    The error of the last try, where somebody wrote one, is in theirs.
    """
    last = func.coalesce(literal("; the last reason: ") + jobs.c.error["message"].astext, "")
    message = func.concat("it was published ", jobs.c.publications, " times, and no worker has started it", last)
    unstarted = (
        select(jobs.c.id)
        .where(
            # Whatever brought it back in line: only an accepted row is ever published.
            jobs.c.state == "accepted",
            jobs.c.publications > 0,  # the index's own words
            jobs.c.publications >= published,
            func.coalesce(jobs.c.not_before, jobs.c.created_at) <= ASKED_AT,
        )
        .order_by(jobs.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("unstarted")
    )
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.id == unstarted.c.id)
        .values(
            state="dead",
            error=func.jsonb_build_object("code", "never_started", "message", message),
            token=None,
            finished_at=NOW,
        )
        .returning(jobs.c.id)
    )
    return [row.id for row in rows]


def absent(queue: str, priority: Priority, tail: datetime | None, *, publish_timeout: float) -> ColumnElement[bool]:
    """Queued rows that a list cannot hold any more.

    The list is first in, first out: nothing older than its tail is in it; tail None: nothing is. Two publishers may
    push in another order than they stamped, but no later than `publish_timeout` after: hence that margin.
    """
    newest = ASKED_AT if tail is None else tail
    return and_(
        jobs.c.state == "queued",
        jobs.c.queue == queue,
        jobs.c.priority == priority,
        jobs.c.published_at < newest - seconds(publish_timeout),
    )


def beyond(queue: str, priority: Priority, *, newest: int, older_than: float) -> ColumnElement[bool]:
    """Queued rows that a queue cannot hold any more which holds so many messages, of whatever priority.

    Those can be its `newest` rows at the most, and some other message would have to be missing otherwise. Published
    within `older_than` seconds, one may be with a worker that has not told the ledger yet.
    """
    here = and_(jobs.c.state == "queued", jobs.c.queue == queue)
    first_beyond = select(jobs.c.published_at).where(here).order_by(jobs.c.published_at.desc()).offset(newest).limit(1)
    return and_(
        here,
        jobs.c.priority == priority,
        jobs.c.published_at <= first_beyond.scalar_subquery(),
        jobs.c.published_at < ASKED_AT - seconds(older_than),
    )


def absent_ids(connection: Connection, which: ColumnElement[bool], *, most: int) -> list[str]:
    """Up to `most` ids of absent rows, the oldest publications first."""
    query = select(jobs.c.id).where(which).order_by(jobs.c.published_at).limit(most)
    return [row.id for row in connection.execute(query)]


def bring_back(connection: Connection, absent: Sequence[str], *, confirm_after: float) -> list[str]:
    """Jobs not found in two passes, `confirm_after` seconds apart, are put back in line; their ids are returned.

    One pass proves little: a message is between list and row for a moment when a worker takes it.
    """
    still = and_(jobs.c.id.in_(absent), jobs.c.state == "queued")
    connection.execute(_in_id_order(still))
    rows = connection.execute(
        update(jobs)
        .where(still, jobs.c.missing_since < NOW - seconds(confirm_after))
        .values(state="accepted", published_at=None, missing_since=None)
        .returning(jobs.c.id)
    ).all()
    connection.execute(update(jobs).where(still, jobs.c.missing_since.is_(None)).values(missing_since=NOW))
    return [row.id for row in rows]


def forget_found(connection: Connection, queue: str, priority: Priority, absent: Sequence[str]) -> None:
    """Rows of a list that were missing in an earlier pass and are not in this one begin anew."""
    here = and_(jobs.c.queue == queue, jobs.c.priority == priority, jobs.c.state == "queued")
    found = _in_id_order(and_(here, jobs.c.missing_since.is_not(None), jobs.c.id.not_in(absent))).cte("found")
    connection.execute(update(jobs).where(jobs.c.id == found.c.id).values(missing_since=None))


def _in_id_order(which: ColumnElement[bool]) -> Select[tuple[str]]:
    """Lock these rows in id order, as everything does that locks several of them; else two could deadlock."""
    return select(jobs.c.id).where(which).order_by(jobs.c.id).with_for_update()


def next_epoch(connection: Connection, *, every: float) -> int | None:
    """Hand out a new epoch, at most one in `every` seconds however many relays ask. None: another one just did."""
    row = connection.execute(
        update(relay)
        .where(relay.c.beat_at < NOW - seconds(every * EARLIEST))
        .values(epoch=relay.c.epoch + 1, beat_at=NOW)
        .returning(relay.c.epoch)
    ).one_or_none()
    return None if row is None else int(row.epoch)


def confirm_epoch(connection: Connection, epoch: int) -> None:
    """Redis has this epoch."""
    connection.execute(update(relay).values(confirmed=func.greatest(relay.c.confirmed, epoch)))


def read_counter(connection: Connection) -> Counter:
    """To be read before Redis is: what Redis then knows can only be newer, unless it has lost something."""
    row = connection.execute(select(relay.c.confirmed, relay.c.run_id)).one()
    return Counter(row.confirmed, row.run_id)


def note_loss(connection: Connection, seen: Counter, *, known: int, run_id: str, margin: int) -> int | None:
    """Redis came back knowing only the epoch `known`: what was published since is to be published again.

    Returns the epoch that begins, or None when another relay noted this loss first. `margin`: epochs that a publisher
    may lie between reading the epoch and pushing its message.
    """
    row = connection.execute(
        update(relay)
        .where(relay.c.confirmed == seen.confirmed, relay.c.run_id.is_not_distinct_from(seen.run_id))
        .values(
            run_id=run_id,
            epoch=relay.c.epoch + 1,
            confirmed=relay.c.epoch + 1,
            refill_from=func.least(func.coalesce(relay.c.refill_from, known - margin), known - margin),
            refill_to=relay.c.epoch,
        )
        .returning(relay.c.epoch)
    ).one_or_none()
    return None if row is None else int(row.epoch)


def first_sight(connection: Connection, run_id: str) -> None:
    """The first Redis that this ledger ever had: nothing can have been lost."""
    connection.execute(update(relay).where(relay.c.run_id.is_(None)).values(run_id=run_id))


def refill(connection: Connection, *, most: int) -> int:
    """Put up to `most` jobs that a loss took back in line, and return how many; 0 ends the refill."""
    lost = connection.execute(select(relay.c.refill_from, relay.c.refill_to)).one()
    if lost.refill_to is None:
        return 0
    of_the_loss = jobs.c.published_epoch.between(lost.refill_from, lost.refill_to)
    batch = _in_id_order(and_(jobs.c.state == "queued", of_the_loss)).limit(most).cte("batch")
    rows = connection.execute(
        update(jobs).where(jobs.c.id == batch.c.id).values(state="accepted", published_at=None).returning(jobs.c.id)
    ).all()
    if not rows:
        # Only this refill: another loss may have been noted since.
        same = relay.c.refill_to == lost.refill_to
        connection.execute(update(relay).where(same).values(refill_from=None, refill_to=None))
    return len(rows)


def forget_finished(connection: Connection, *, days: int, most: int) -> int:
    """Delete up to `most` jobs that ended more than `days` days ago, and return how many."""
    old = select(jobs.c.id).where(jobs.c.finished_at < ASKED_AT - text(f"interval '{days:d} days'")).limit(most)
    return connection.execute(delete(jobs).where(jobs.c.id.in_(old))).rowcount
