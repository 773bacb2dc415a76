"""How fast each queue is, from the ledger: what finished lately, how long it waited and ran, and who worked on it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, union_all
from sqlalchemy.dialects.postgresql import INTERVAL

from penstock_contracts.queues import QUEUES
from penstock_runtime.schema import ASKED_AT, FINISHED, jobs

MINUTES = (1, 5)
"""The windows, up to now."""


@dataclass(frozen=True)
class Spell:
    """Seconds that jobs spent. None: there was no such job."""

    mean: float | None
    median: float | None


@dataclass(frozen=True)
class Window:
    """One queue over the last minutes.

    per_minute: jobs that reached each final state. wait: from when a job was due until its last start. run: from that
    start to its finish. Jobs that never started count in neither.
    """

    per_minute: dict[str, float]
    wait: Spell
    run: Spell


@dataclass(frozen=True)
class Figures:
    """One queue. `workers` have a job now, or finished one within the longest window; idle ones are not seen."""

    queue: str
    workers: int
    windows: dict[int, Window]


def read_figures(connection: Connection) -> list[Figures]:
    """Every queue's figures, in the order of the declaration, from the index of what finished lately."""
    workers = {row.queue: row.workers for row in connection.execute(_workers())}
    windows = {minutes: {row.queue: row for row in connection.execute(_window(minutes))} for minutes in MINUTES}
    return [
        Figures(
            queue.name,
            workers.get(queue.name, 0),
            {minutes: _as_window(minutes, windows[minutes].get(queue.name)) for minutes in MINUTES},
        )
        for queue in QUEUES
    ]


def _since(minutes: int) -> ColumnElement[bool]:
    return jobs.c.finished_at > ASKED_AT - func.make_interval(0, 0, 0, 0, 0, minutes, type_=INTERVAL)


def _workers() -> Any:
    busy = select(jobs.c.queue, jobs.c.worker).where(and_(jobs.c.state == "running", jobs.c.lease_until > ASKED_AT))
    lately = select(jobs.c.queue, jobs.c.worker).where(_since(max(MINUTES)))
    seen = union_all(busy, lately).subquery()
    return select(seen.c.queue, func.count(seen.c.worker.distinct()).label("workers")).group_by(seen.c.queue)


def _window(minutes: int) -> Any:
    due = func.greatest(jobs.c.created_at, jobs.c.not_before)  # of which SQL's leaves out a null
    wait = func.greatest(func.extract("epoch", jobs.c.started_at - due), 0)
    run = func.extract("epoch", jobs.c.finished_at - jobs.c.started_at)
    return (
        select(
            jobs.c.queue,
            *(func.count().filter(jobs.c.state == state).label(state) for state in FINISHED),
            func.avg(wait).label("wait_mean"),
            func.percentile_cont(0.5).within_group(wait).label("wait_median"),
            func.avg(run).label("run_mean"),
            func.percentile_cont(0.5).within_group(run).label("run_median"),
        )
        .where(_since(minutes))
        .group_by(jobs.c.queue)
    )


def _as_window(minutes: int, row: Any) -> Window:
    return Window(
        {state: getattr(row, state) / minutes if row else 0.0 for state in FINISHED},
        Spell(_seconds(row, "wait_mean"), _seconds(row, "wait_median")),
        Spell(_seconds(row, "run_mean"), _seconds(row, "run_median")),
    )


def _seconds(row: Any, name: str) -> float | None:
    value = getattr(row, name) if row else None
    return None if value is None else round(float(value), 3)
