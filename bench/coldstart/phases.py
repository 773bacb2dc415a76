"""A cold start in phases, each of which begins where the one before ends."""

from dataclasses import dataclass
from itertools import accumulate, pairwise

PHASES = (
    "KEDA asks for a pod",
    "the pod has a node",
    "its process begins",
    "the process starts the job",
    "the job ends",
)


@dataclass(frozen=True)
class Cold:
    """One job from no pod on: seconds from its sending. `accepted`: the answer to that; `began`: the pod's process did;
    `ready`: the pod is.

    Nothing waits for `ready`: a worker takes its jobs itself.
    """

    accepted: float
    asked: float
    scheduled: float
    began: float
    ready: float
    started: float
    finished: float

    @property
    def phases(self) -> list[float]:
        """Seconds of each of PHASES. What was seen before what it follows took no time of its own."""
        ends = accumulate((0.0, self.asked, self.scheduled, self.began, self.started, self.finished), max)
        return [later - earlier for earlier, later in pairwise(ends)]


@dataclass(frozen=True)
class Warm:
    """One job while a pod is there: seconds from its sending."""

    accepted: float
    started: float
    finished: float
