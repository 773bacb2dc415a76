"""What the broker and the ledger together say of the queues."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from penstock_runtime.backlog import QueueBacklog
from penstock_runtime.doctor.codes import Code
from penstock_runtime.doctor.jobs import dead_letters
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.findings import Finding, Level
from penstock_runtime.ledger.pauses import Pause
from penstock_runtime.oldest import Oldest
from penstock_runtime.schema import NOW, jobs, seconds


@dataclass(frozen=True)
class Presence:
    """One queue's signs in the broker. attended: a worker waits, or holds a message. dead: messages."""

    attended: bool
    dead: int


def read_busy(connection: Connection, *, lately: float) -> set[str]:
    """Queues of which a worker runs something, or has ended something within so many seconds."""
    runs = jobs.c.lease_until > NOW
    ended = jobs.c.finished_at > func.now() - seconds(lately)
    busy = select(jobs.c.queue).where(jobs.c.state == "running", runs)
    done = select(jobs.c.queue).where(or_(jobs.c.state == "succeeded", jobs.c.state == "failed"), ended)
    return set(connection.execute(busy.union(done)).scalars())


def look_at_queue(
    backlog: QueueBacklog,
    oldest: Oldest | None,
    presence: Presence,
    pause: Pause | None,
    bounds: DoctorSettings,
    *,
    busy: bool,
) -> Iterator[Finding]:
    """What is wrong with one queue."""
    name, about = backlog.queue, f"queue {backlog.queue}"
    waits, age = sum(backlog.queued.values()), oldest.seconds if oldest else 0.0
    if presence.dead:
        yield dead_letters(name, presence.dead, "messages")
    if not waits:
        return
    how = f"{waits} messages wait, the oldest for {age:.0f} s"
    if pause or backlog.paused:
        since = f" since {pause.since:%Y-%m-%d %H:%M:%S %Z}" if pause else ""
        why = f" ({pause.reason})" if pause and pause.reason else ""
        yield Finding(
            Code.QUEUE_PAUSED, about, f"it is paused{since}{why}; {how}", f"penstock resume {name}", Level.WARNING
        )
    elif not presence.attended and not busy and age >= bounds.doctor_unconsumed:
        what = f"no Penstock worker consumes it; {how}"
        fix = f"start one (celery -A … worker -Q {name}); on a cluster see what keeps it: kubectl describe scaledobject"
        yield Finding(Code.QUEUE_UNCONSUMED, about, what, fix)
    elif age >= bounds.doctor_behind:
        fix = "more workers (maxReplicas, concurrency), or mend what the jobs wait for; penstock queues shows the pace"
        yield Finding(Code.QUEUE_BEHIND, about, how, fix, Level.WARNING)


def not_told(backlog: Mapping[str, QueueBacklog], pauses: Mapping[str, Pause]) -> set[str]:
    """Queues of which Redis says otherwise than the ledger whether they are paused."""
    return {name for name, queue in backlog.items() if queue.paused != (name in pauses)}


def pause_not_told(name: str, pauses: Mapping[str, Pause]) -> Finding:
    """Such a queue: the relay tells Redis, and has not."""
    if name in pauses:
        what = "it is paused, and Redis was not told: workers still take from it"
    else:
        what = "it is not paused, and Redis still says that it is: nobody takes from it"
    fix = "see that the scheduler runs, and what its log says: its relay tells Redis each second"
    return Finding(Code.PAUSE_NOT_TOLD, f"queue {name}", what, fix)
