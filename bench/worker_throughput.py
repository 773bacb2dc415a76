"""Tasks that do nothing, run by one saturated gevent worker: our transport beside the fastest stock settings."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psutil
from bench.progress import steps
from bench.pss import MIB, pss
from bench.running import Ground
from bench.stock_search import BASE, fastest
from bench.worker_app import OURS, PENSTOCKS, Setup
from bench.worker_run import Bench, Commands, Run, run, watch

PENSTOCK, CELERY = "Penstock", "Celery, fastest"

WARM_UP = 2000
"""Tasks of the run that tells how many each later one needs."""

WATCHED = 10_000
"""Tasks of the run whose commands are told apart."""

FIRST_LOOK = 10_000
"""Tasks after which memory is first looked at."""


@dataclass(frozen=True)
class Wanted:
    """How much is measured: so many `rounds` of about so many `seconds` each; memory over so many tasks."""

    rounds: int
    seconds: float
    remembered: int


@dataclass
class Memory:
    """A worker's PSS in MiB, after each of these numbers of tasks."""

    tasks: list[int] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """MiB from the first look to the last."""
        return self.mib[-1] - self.mib[0]

    def looks(self, step: int) -> Callable[[int, psutil.Process], None]:
        """For `run`: looks at each `step` tasks."""

        def look(done: int, process: psutil.Process) -> None:
            if done >= (self.tasks[-1] // step + 1 if self.tasks else 1) * step:
                self.tasks.append(done)
                self.mib.append(round(pss(process.pid) / MIB, 2))

        return look


@dataclass
class Result:
    """All runs by contestant, Penstock first; each one's commands told apart; and Penstock's memory."""

    wanted: Wanted
    setups: dict[str, Setup]
    rounds: dict[str, list[Run]] = field(default_factory=dict)
    watched: dict[str, Commands] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    memory_run: Run | None = None

    @property
    def faults(self) -> list[str]:
        """What a worker did not do that it was counted for."""
        done: list[Run | Commands] = [one for runs in self.rounds.values() for one in runs]
        done += self.watched.values()
        done += [self.memory_run] if self.memory_run else []
        return [fault for one in done for fault in one.faults]

    def median(self, name: str, figure: Callable[[Run], float]) -> float:
        """The median round's."""
        return statistics.median(figure(one) for one in self.rounds[name])

    @property
    def ratio(self) -> float:
        """Penstock's rate to the other's."""
        ours, stock = (self.median(name, lambda one: one.rate) for name in (PENSTOCK, CELERY))
        return ours / stock


def ours() -> Setup:
    """Penstock's, with what is quick for stock too. It claims as many as the pool has free, so prefetch has no part."""
    return replace(BASE, transport=OURS, program=PENSTOCKS, concurrency=100, prefetch=1)


def measure(ground: Ground, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Let both take turns; whoever begins changes from round to round."""
    bench = Bench(ground.redis_url, ground.folder)
    result = Result(wanted, {PENSTOCK: ours(), CELERY: fastest()})
    names = list(result.setups)
    with steps("worker", len(names) * (wanted.rounds + 2) + 1) as begin:
        counts = {}
        for name in names:
            begin(f"{name}, first look")
            counts[name] = max(WARM_UP, round(run(bench, result.setups[name], WARM_UP).rate * wanted.seconds))
        for turn in range(wanted.rounds):
            for name in names[turn % 2 :] + names[: turn % 2]:
                begin(f"{name}, round {turn + 1} of {wanted.rounds}, {counts[name]:,} tasks")
                got = run(bench, result.setups[name], counts[name])
                result.rounds.setdefault(name, []).append(got)
                say(f"round {turn + 1}: {name} {got.rate:,.0f} tasks/s")
        for name in names:
            begin(f"{name}, which commands")
            result.watched[name] = watch(bench, result.setups[name], WATCHED)
        begin(f"memory over {wanted.remembered:,} tasks")
        step = min(FIRST_LOOK, wanted.remembered // 10)
        result.memory_run = run(bench, result.setups[PENSTOCK], wanted.remembered, result.memory.looks(step))
    return result
