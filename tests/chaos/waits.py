"""How long a job that was hit had to wait for its end, and how much of that its queue's workers were free."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chaos.faults import Hit
from chaos.plan import Kind

from penstock_contracts.queues import Queue

STUCK = 60.0
"""Seconds after the last fault that touched a job in which it must have ended. Those do not count in which its queue
was at work in every slot on jobs that had been accepted before that fault: then it waited in line, as it must."""

FOR_ALL = (Kind.SUPERVISOR, Kind.POSTGRES, Kind.REDIS, Kind.RABBITMQ, Kind.SCHEDULER)
"""Without these no job goes on."""


@dataclass(frozen=True)
class Done:
    """A job that succeeded: when it was accepted, when its last run began, and when it ended, as `time.time()`."""

    id: str
    queue: Queue
    accepted: float
    began: float
    ended: float


@dataclass(frozen=True)
class Wait:
    """Seconds from the last fault that touched a job to its end, and how many of them a slot was free for it."""

    seconds: float
    free: float

    @property
    def stuck(self) -> bool:
        return self.free > STUCK


def waits(done: Sequence[Done], hits: Sequence[Hit], slots: Mapping[str, int]) -> dict[str, Wait]:
    """By id, for the jobs that a fault met running. slots: of each queue, in all its workers."""
    found = {}
    for job in done:
        since = _last_fault(job, hits)
        if since is not None:
            before = [other for other in done if other.queue is job.queue and other.accepted < since]
            spans = ((other.began, other.ended) for other in before if other is not job)
            busy = _busy(since, job.ended, spans, slots[job.queue.name])
            found[job.id] = Wait(job.ended - since, job.ended - since - busy)
    return found


def _last_fault(job: Done, hits: Sequence[Hit]) -> float | None:
    """The end of the last fault that touched it, running or waiting; None where none met it running."""
    during = [hit for hit in hits if hit.ended > job.accepted and hit.began < job.ended]
    if not any(job.id in hit.jobs for hit in during):
        return None
    return min(job.ended, max(hit.ended for hit in during if _touches(hit, job)))


def _touches(hit: Hit, job: Done) -> bool:
    """Whether this fault has to do with a job that was open then: it ran there, or what it waits for was hit."""
    return job.id in hit.jobs or hit.fault.kind in FOR_ALL or hit.fault.kind.queue is job.queue


def _busy(since: float, until: float, spans: Iterable[tuple[float, float]], slots: int) -> float:
    """Seconds between the two in which at least so many of the spans lie over one another."""
    inside = [(max(began, since), min(ended, until)) for began, ended in spans]
    steps = [step for began, ended in inside if began < ended for step in ((began, 1), (ended, -1))]
    total, running, last = 0.0, 0, since
    for moment, step in sorted(steps):
        if running >= slots:
            total += moment - last
        running, last = running + step, moment
    return total
