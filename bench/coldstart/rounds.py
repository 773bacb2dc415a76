"""A cold start from zero on the cluster: from a job's sending to its end, phase by phase, and the same while warm."""

import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import redis
from bench.coldstart import process_age
from bench.coldstart.contestants import Contestant, await_end
from bench.coldstart.moments import ASKED, READY, SCHEDULED, Moments, Unfit
from bench.coldstart.phases import Cold, Warm
from bench.coldstart.place import contestants, known, versions
from bench.progress import steps

from penstock_cli.cluster.connection import Cluster

LONGEST = 180.0
"""Seconds for anything that is waited for."""

TRIES = 5
"""Of beginning a round; the scheduler sends a job of its own soon after it was installed."""

WARM = 5
"""Jobs of each round that find a pod."""

PAUSE = 0.3
"""Seconds between two of those."""


@dataclass(frozen=True)
class Wanted:
    """How much of it: rounds of each contestant, and the seconds between two looks of KEDA's."""

    rounds: int
    polling: int


@dataclass
class Result:
    """By contestant, what each round saw."""

    wanted: Wanted
    kubernetes: str = ""
    keda: str = ""
    cold: dict[str, list[Cold]] = field(default_factory=dict)
    warm: dict[str, list[Warm]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def of(self, name: str, figure: Callable[[Cold], float]) -> list[float]:
        """A figure of a contestant's cold starts, round by round."""
        return [figure(one) for one in self.cold[name]]

    def warmed(self, name: str, figure: Callable[[Warm], float]) -> float:
        """The median of a figure of a contestant's warm jobs."""
        return statistics.median(figure(one) for one in self.warm[name])


def measure(wanted: Wanted, say: Callable[[str], None]) -> Result:
    """The contestants take turns. Raises ClusterError, HelmError, Unfit, each of which says what is missing."""
    cluster, result = known(), Result(wanted)
    result.kubernetes, result.keda = versions(cluster)
    try:
        with ExitStack() as stack:
            found = stack.enter_context(contestants(cluster, wanted.polling, say))
            moments = {
                name: stack.enter_context(Moments(cluster, one.deployment, one.selector)) for name, one in found.items()
            }
            with steps("coldstart", (wanted.rounds + 1) * len(found)) as begin:
                for name, one in found.items():
                    begin(f"{name}, before the first round")
                    _rest(moments, name, wanted, 0)
                    _cold(cluster, one, moments[name])
                for turn in range(wanted.rounds):
                    for name, one in found.items():
                        begin(f"{name}, round {turn + 1} of {wanted.rounds}")
                        _rest(moments, name, wanted, turn)
                        cold = _cold(cluster, one, moments[name])
                        result.cold.setdefault(name, []).append(cold)
                        result.warm.setdefault(name, []).extend(_warm(one))
                        if not moments[name].has_pod:
                            result.faults.append(f"{name}, round {turn + 1}: its pod went while jobs were to find it")
                        say(f"{name}: pod asked for after {cold.asked:.1f} s, job started after {cold.started:.1f} s")
            result.faults += [fault for one in found.values() for fault in one.faults()]
    except (httpx.HTTPError, redis.RedisError, ConnectionError, subprocess.SubprocessError) as error:
        raise Unfit(f"what runs in the cluster does not answer: {error}") from error
    return result


def _rest(moments: dict[str, Moments], name: str, wanted: Wanted, turn: int) -> None:
    """Wait until neither has a pod, and then for this round's place between two looks of KEDA's.

    KEDA takes the last pod away in one of its looks, and so tells when the next ones are. The rounds are spread over
    the time between two, as jobs are that nobody times. A start before the first round, which is not counted, is what
    sets that clock.
    """
    for _ in range(TRIES):
        zero = {each: one.wait_for_zero(LONGEST) for each, one in moments.items()}
        place = zero[name] + wanted.polling * (turn + 0.5) / wanted.rounds
        time.sleep((place - time.monotonic()) % wanted.polling)
        if moments[name].begin():
            return
    raise Unfit(f"{name}: it did not stay without a pod; somebody else sends it jobs")


def _cold(cluster: Cluster, one: Contestant, moments: Moments) -> Cold:
    sent = one.send()
    started, finished = await_end(one, sent, LONGEST)
    asked, scheduled, ready = (moments.wait(moment, LONGEST) - sent.at for moment in (ASKED, SCHEDULED, READY))
    began = process_age.began(cluster, moments.pod) - sent.at
    return Cold(sent.accepted, asked, scheduled, began, ready, started, finished)


def _warm(one: Contestant) -> list[Warm]:
    found = []
    for _ in range(WARM):
        time.sleep(PAUSE)
        sent = one.send()
        found.append(Warm(sent.accepted, *await_end(one, sent, LONGEST)))
    return found
