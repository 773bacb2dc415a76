"""What waiting costs, and how long a message waits: an idle worker, a lone message, fifty consumers of a queue."""

import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import psutil
from bench.commands import SCRIPT, Watched, executed, redis_time, watching
from bench.crowd import READY
from bench.progress import steps
from bench.pss import MIB, own, pss
from bench.running import ROOT, Ground, cpu_nanoseconds
from bench.stock_search import fastest
from bench.worker_app import CELERYS, QUEUE, Setup
from bench.worker_run import PATIENCE, Bench, running
from bench.worker_throughput import CELERY, PENSTOCK, ours

from penstock_cli.local.processes import ProcessError, Program

STAMP = "bench.stamp"

BY_CELERY = f"{PENSTOCK}, by celery"

SETTLING = 5.0
"""Seconds from a worker's first task until it is looked at."""

BETWEEN = 0.15
"""Seconds between two lone messages, about: a tenth more or less, so that nothing keeps step with it."""

AFTER_PUSH = 0.05
"""Seconds after a push in which a consumer's command counts as a wake-up."""

BETWEEN_PUSHES = 0.4
"""Seconds, half as long to half as long again."""


@dataclass(frozen=True)
class Wanted:
    """How much is measured: idle `seconds`, lone messages, consumers of one queue, and pushes to them."""

    seconds: float
    messages: int
    consumers: int
    pushes: int


@dataclass
class Idle:
    """A second of a worker with nothing to do: commands that it sent and that Redis executed, and milliseconds of CPU
    time; its connections, and MiB of PSS, and of that what is its own (USS). Time and memory are of the process and its
    children.
    """

    sent: dict[str, float]
    executed: float
    connections: int
    cpu_ms: float
    pss_mib: float
    own_mib: float

    @property
    def costs(self) -> dict[str, float]:
        """What a worker takes from others while it does nothing, by the figure's name."""
        return {
            "commands/s sent": sum(self.sent.values()),
            "executed/s": self.executed,
            "connections": self.connections,
            "CPU ms/s": self.cpu_ms,
            "PSS MiB": self.pss_mib,
            "USS MiB": self.own_mib,
        }


@dataclass
class Crowd:
    """A push to a queue with many consumers: commands that they sent and that Redis executed, and how many woke up.

    What they do without a push is left out, but for `idle`, the commands a second of all of them.
    """

    sent: float
    executed: float
    woken: float
    idle: float


@dataclass
class Waited:
    """One contestant's."""

    idle: Idle
    lone_ms: list[float]
    crowd: Crowd
    faults: list[str] = field(default_factory=list)


@dataclass
class Result:
    """By contestant, Penstock first."""

    wanted: Wanted
    setups: dict[str, Setup]
    waited: dict[str, Waited] = field(default_factory=dict)
    by_celery: Idle | None = None
    """Penstock's worker, started by `celery` and not by the command of its services."""

    @property
    def faults(self) -> list[str]:
        """What was not done that was counted."""
        return [fault for one in self.waited.values() for fault in one.faults]


def measure(ground: Ground, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """One contestant after another."""
    bench = Bench(ground.redis_url, ground.folder)
    result = Result(wanted, {PENSTOCK: ours(), CELERY: fastest()})
    with steps("waiting", 2 * len(result.setups) + 2) as begin:
        begin(f"all of them side by side, idle for {wanted.seconds:g} s")
        by_celery = replace(ours(), program=CELERYS)
        cpu = _side_by_side(ground, {**result.setups, BY_CELERY: by_celery}, wanted.seconds)
        begin(f"{BY_CELERY}, idle for {wanted.seconds:g} s")
        with _at_rest(bench, by_celery) as (process, _):
            result.by_celery = idle_costs(bench, process, wanted.seconds, cpu[BY_CELERY])
        for name, setup in result.setups.items():
            begin(f"{name}, idle for {wanted.seconds:g} s, then {wanted.messages} lone messages")
            idle, lone, faults = _alone(bench, setup, wanted, cpu[name])
            begin(f"{name}, {wanted.consumers} consumers, {wanted.pushes} pushes")
            result.waited[name] = Waited(idle, lone, _crowd(bench, setup, wanted), faults)
            say(f"{name}: idle {sum(idle.sent.values()):.2f} commands/s, lone {statistics.median(lone):.2f} ms")
    return result


def _alone(bench: Bench, setup: Setup, wanted: Wanted, cpu: float) -> tuple[Idle, list[float], list[str]]:
    drawn = random.Random(1)
    with _at_rest(bench, setup) as (process, push):
        idle = idle_costs(bench, process, wanted.seconds, cpu)
        for _ in range(wanted.messages):
            time.sleep(BETWEEN * drawn.uniform(0.9, 1.1))
            push()
        bench.wait_until_left(setup, 0)
    # The first was there before the worker.
    waited = [1000 * seconds for seconds in bench.tally().waited[1:]]
    missing = wanted.messages - len(waited)
    return idle, waited, [f"{setup.transport}: {missing} lone messages were not run"] if missing else []


@contextmanager
def _at_rest(bench: Bench, setup: Setup, called: str = "") -> Iterator[tuple[psutil.Process, Callable[[], None]]]:
    """A worker that has done one task and has nothing to do, and what sends it another."""
    bench.empty()
    copies = bench.copies(setup, STAMP)

    def push() -> None:
        bench.client.lpush(QUEUE, copies.copy(time.time()))

    with bench.worker(setup, called) as process:
        push()
        bench.wait_until_left(setup, 0)
        time.sleep(SETTLING)
        yield process, push


def _side_by_side(ground: Ground, setups: dict[str, Setup], seconds: float) -> dict[str, float]:
    """The CPU time of an idle worker of each, at the same time: they differ by less than two minutes of a machine do.

    Nobody watches Redis meanwhile: who does wakes when they do, and costs them time.
    """
    with ExitStack() as stack:
        processes = {}
        for number, (name, setup) in enumerate(setups.items(), 1):
            bench = Bench(f"{ground.redis_url.removesuffix('/0')}/{number}", ground.folder)
            stack.callback(bench.client.close)  # whose connection would be counted as a worker's
            processes[name], _ = stack.enter_context(_at_rest(bench, setup, called=f"-{number}"))
        return cpu_ms(processes, seconds)


def cpu_ms(processes: dict[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Milliseconds of CPU time a second that each of them takes, with its children, over so many seconds."""
    began, before = time.monotonic(), {name: cpu_nanoseconds(one) for name, one in processes.items()}
    time.sleep(seconds)
    took = {name: cpu_nanoseconds(one) - before[name] for name, one in processes.items()}
    return {name: nanoseconds / 1e6 / (time.monotonic() - began) for name, nanoseconds in took.items()}


def idle_costs(bench: Bench, process: psutil.Process, seconds: float, cpu: float) -> Idle:
    """Look at a worker, the only one that has connections, for so many seconds. cpu: what `cpu_ms` saw of it."""
    before = executed(bench.client)
    with watching(bench.url, bench.client) as watched:
        connections = len(bench.client.client_list()) - 2  # this one's, and MONITOR's
        time.sleep(seconds)
    # Beside the worker's: INFO at the beginning, and `watching`'s own.
    called = executed(bench.client) - before - Counter({"info": 1, "client": 2, "monitor": 1, "echo": 1})
    sent = {name: times / seconds for name, times in watched.sent().items()}
    memory = pss(process.pid) / MIB, own(process) / MIB
    return Idle(sent, called.total() / seconds, connections, cpu, *memory)


def _crowd(bench: Bench, setup: Setup, wanted: Wanted) -> Crowd:
    bench.empty()
    copies, drawn, pushed_at = bench.copies(setup, STAMP), random.Random(1), []
    quiet = wanted.pushes * BETWEEN_PUSHES
    with consumers(bench, setup, wanted.consumers):
        time.sleep(SETTLING)
        began = redis_time(bench.client)
        with watching(bench.url, bench.client) as idle:
            time.sleep(quiet)
        with watching(bench.url, bench.client) as busy:
            for _ in range(wanted.pushes):
                pushed_at.append(redis_time(bench.client))
                bench.client.lpush(QUEUE, copies.copy(0))
                time.sleep(BETWEEN_PUSHES * drawn.uniform(0.5, 1.5))
            bench.wait_until_left(setup, 0)
            ended = redis_time(bench.client)
    share = (ended - pushed_at[0]) / quiet
    windows = [began + number * AFTER_PUSH for number in range(round(quiet / AFTER_PUSH))]
    return Crowd(
        sent=(busy.sent().total() - idle.sent().total() * share) / wanted.pushes,
        executed=(busy.executed().total() - idle.executed().total() * share) / wanted.pushes,
        woken=woken(busy, pushed_at) - woken(idle, windows),
        idle=idle.sent().total() / quiet,
    )


def woken(watched: Watched, moments: list[float]) -> float:
    """Connections over which something was sent shortly after one of these moments, on average."""
    after = [
        {one.who for one in watched.commands if 0 <= one.at - moment < AFTER_PUSH} - {SCRIPT} for moment in moments
    ]
    return statistics.mean(map(len, after))


@contextmanager
def consumers(bench: Bench, setup: Setup, count: int) -> Iterator[None]:
    """So many of them, each of which has taken its place."""
    command = [sys.executable, "-m", "bench.crowd", str(count), setup.transport, bench.url]
    environment = {"PYTHONPATH": str(ROOT)}
    program = Program("crowd", "consumes", command, lambda said: said.count(READY) == count, environment=environment)
    with running(program, bench.folder) as child:
        deadline = time.monotonic() + PATIENCE
        while not child.is_ready():
            if child.has_ended() or time.monotonic() > deadline:
                raise ProcessError(child.obituary())
            time.sleep(0.1)
        yield
