"""What the ledger knows of jobs that wait or run, queue by queue, for a broker that cannot tell them apart."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from penstock_contracts.queues import QUEUES, Priority
from penstock_runtime.schema import NOW, jobs


@dataclass(frozen=True)
class Unfinished:
    """One queue's jobs. waiting: published and not started, by priority. oldest: seconds since the first was published;
    None: nothing waits."""

    waiting: dict[Priority, int]
    running: int
    oldest: float | None


def read_unfinished(connection: Connection) -> dict[str, Unfinished]:
    """Every queue's."""
    age = func.extract("epoch", NOW - func.min(jobs.c.published_at))
    waiting = (
        select(jobs.c.queue, jobs.c.priority, func.count().label("number"), age.label("oldest"))
        .where(jobs.c.state == "queued")
        .group_by(jobs.c.queue, jobs.c.priority)
    )
    running = select(jobs.c.queue, func.count().label("number")).where(jobs.c.state == "running").group_by(jobs.c.queue)
    rows = connection.execute(waiting).all()
    busy = {row.queue: row.number for row in connection.execute(running)}
    return {
        queue.name: Unfinished(
            waiting={
                priority: sum(row.number for row in rows if (row.queue, row.priority) == (queue.name, priority))
                for priority in Priority
            },
            running=int(busy.get(queue.name, 0)),
            oldest=max((float(row.oldest) for row in rows if row.queue == queue.name), default=None),
        )
        for queue in QUEUES
    }
