"""Which queues are paused. What stands here is the truth; Redis is told of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from penstock_runtime.schema import pauses

LONGEST_REASON = 200
"""Characters of a reason."""


@dataclass(frozen=True)
class Pause:
    """Since when, and why, where somebody said so. `since` also names this pause: the next one has another."""

    since: datetime
    reason: str | None


def pause(connection: Connection, queue: str, reason: str | None) -> Pause:
    """Pause a queue. One that is paused already stays so since then, for the reason that is given now."""
    row = insert(pauses).values(queue=queue, reason=reason)
    written = row.on_conflict_do_update(index_elements=["queue"], set_={"reason": row.excluded.reason})
    return Pause(*connection.execute(written.returning(pauses.c.since, pauses.c.reason)).one())


def resume(connection: Connection, queue: str) -> Pause | None:
    """End the pause of a queue, and return it; None where there was none."""
    ended = connection.execute(
        delete(pauses).where(pauses.c.queue == queue).returning(pauses.c.since, pauses.c.reason)
    ).one_or_none()
    return Pause(*ended) if ended else None


def read_pauses(connection: Connection) -> dict[str, Pause]:
    """The pause of each queue that is paused."""
    rows = connection.execute(select(pauses.c.queue, pauses.c.since, pauses.c.reason))
    return {row.queue: Pause(row.since, row.reason) for row in rows}
