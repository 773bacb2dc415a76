"""How the cost of a message grows: with what waits, with what it carries, and with the workers on one Redis."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psutil
from bench.commands import executed
from bench.progress import steps
from bench.running import cpu_seconds
from bench.stock_search import fastest
from bench.worker_app import Setup
from bench.worker_run import EVERY, NOOP, Bench, Run, faults, run
from bench.worker_throughput import CELERY, PENSTOCK, ours

from penstock_cli.local.processes import ProcessError

LENGTH, PAYLOAD, WORKERS = "messages that wait", "characters of payload", "workers"

POINTS: dict[str, tuple[int, ...]] = {
    LENGTH: (100, 1_000, 10_000, 100_000, 1_000_000),
    PAYLOAD: (100, 1_000, 10_000, 100_000, 1_000_000),
    WORKERS: (1, 2, 5, 10, 20, 50),
}

SHORT: dict[str, tuple[int, ...]] = {LENGTH: (100, 10_000), PAYLOAD: (100, 100_000), WORKERS: (1, 3)}

MOST_BYTES = 400_000_000
"""Of all payloads of a run: of long ones there are fewer tasks."""

STARTING = 180.0
"""Seconds for all workers to start: fifty of them share the cores."""


@dataclass(frozen=True)
class Wanted:
    """So many `rounds` of these sizes, by what grows; each run has so many `tasks`, and one of a long queue takes so
    many `seconds`."""

    rounds: int
    seconds: float
    tasks: int
    points: dict[str, tuple[int, ...]]


@dataclass
class Cost:
    """What a task cost at one size; and a second of all workers with nothing to do, where there are several: commands
    that Redis executed, and its milliseconds of CPU time."""

    runs: list[Run] = field(default_factory=list)
    idle_commands: list[float] = field(default_factory=list)
    idle_ms: list[float] = field(default_factory=list)


@dataclass
class Result:
    """By what grows, by contestant, by size."""

    wanted: Wanted
    costs: dict[str, dict[str, dict[int, Cost]]] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """What was not done that was counted."""
        return [
            fault
            for by_name in self.costs.values()
            for by_size in by_name.values()
            for cost in by_size.values()
            for one in cost.runs
            for fault in one.faults
        ]


def measure(bench: Bench, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Penstock and the fastest stock in turns, size by size. Raises ProcessError where a worker does not work."""
    result = Result(wanted)
    setups = {PENSTOCK: ours(), CELERY: fastest()}
    turns = sum(map(len, wanted.points.values())) * len(setups) * wanted.rounds
    with steps("sizes", turns) as begin:
        for grows, sizes in wanted.points.items():
            for _ in range(wanted.rounds):
                for size in sizes:
                    for name, setup in setups.items():
                        begin(f"{name}, {size:,} {grows}")
                        cost = result.costs.setdefault(grows, {}).setdefault(name, {}).setdefault(size, Cost())
                        _MEASURES[grows](bench, setup, size, wanted, cost)
                        say(f"{size:,} {grows}: {name} {cost.runs[-1].redis_us:,.0f} µs of Redis a task")
    return result


def _of_length(bench: Bench, setup: Setup, size: int, wanted: Wanted, cost: Cost) -> None:
    cost.runs.append(run(bench, setup, size + wanted.tasks, longest=wanted.seconds))


def _of_payload(bench: Bench, setup: Setup, size: int, wanted: Wanted, cost: Cost) -> None:
    cost.runs.append(run(bench, setup, min(wanted.tasks, MOST_BYTES // size), padding=size))


def _of_workers(bench: Bench, setup: Setup, size: int, wanted: Wanted, cost: Cost) -> None:
    count = wanted.tasks + 100 * size
    with _workers(bench, setup, size) as processes:
        calls, cpu, began = executed(bench.client), cpu_seconds(bench.redis_process), time.monotonic()
        time.sleep(wanted.seconds)
        took = time.monotonic() - began
        cost.idle_ms.append((cpu_seconds(bench.redis_process) - cpu) / took * 1000)
        cost.idle_commands.append(((executed(bench.client) - calls).total() - 1) / took)
        cost.runs.append(_emptied(bench, setup, count, processes))
    cost.runs[-1].faults = faults(f"{size} of {setup.transport}", bench.tally(), count)


@contextmanager
def _workers(bench: Bench, setup: Setup, count: int) -> Iterator[list[psutil.Process]]:
    """So many, each of which waits for messages."""
    bench.empty()
    bench.copies(setup, NOOP)
    with ExitStack() as stack:
        processes = [stack.enter_context(bench.worker(setup, f"-{number}")) for number in range(count)]
        deadline = time.monotonic() + STARTING
        # A client that waits in a BRPOP is blocked, and one of ours has tracking on.
        while sum(bool(set(one["flags"]) & {"b", "t"}) for one in bench.client.client_list()) < count:
            if time.monotonic() > deadline:
                raise ProcessError(f"{setup.transport}: {count} workers did not start within {STARTING:g} s")
            time.sleep(0.2)
        yield processes
        for process in processes:  # at once: one after another, fifty of them would take minutes
            process.terminate()


def _emptied(bench: Bench, setup: Setup, count: int, processes: list[psutil.Process]) -> Run:
    """They stand still while the queue is filled, and then empty it together."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    bench.copies(setup, NOOP).fill(bench.client, range(1, count + 1))
    calls, server = executed(bench.client), cpu_seconds(bench.redis_process)
    worker, began, looks = sum(map(cpu_seconds, processes)), time.perf_counter(), 0
    for process in processes:
        process.send_signal(signal.SIGCONT)
    while bench.left(setup):
        if time.perf_counter() > began + STARTING:
            raise ProcessError(f"{setup.transport}: {bench.left(setup)} messages were left after {STARTING:g} s")
        time.sleep(EVERY)
        looks += 1
    seconds = time.perf_counter() - began
    called = executed(bench.client) - calls
    called.subtract({"llen": looks + 1, "hlen": looks + 1, "info": 1})
    return Run(
        rate=count / seconds,
        count=count,
        worker_us=(sum(map(cpu_seconds, processes)) - worker) / count * 1e6,
        redis_us=(cpu_seconds(bench.redis_process) - server) / count * 1e6,
        executed={name: times / count for name, times in called.items()},
    )


_MEASURES = {LENGTH: _of_length, PAYLOAD: _of_payload, WORKERS: _of_workers}
