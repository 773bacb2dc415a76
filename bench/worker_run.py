"""One run of one worker: started on a queue that is full, measured by what Redis says is left, stopped, and asked."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import psutil
import redis
from bench.commands import executed, redis_time, watching
from bench.messages import Copies
from bench.running import ROOT, cpu_seconds
from bench.worker_app import QUEUE, SETUP_VARIABLE, TALLY, URL_VARIABLE, Setup, Tally

from penstock_cli.local.processes import Child, ProcessError, Program

EVERY = 0.02
"""Seconds between two looks at the queue."""

PATIENCE = 60.0
"""Seconds for a worker to start, to take another message, and to end."""

NOOP = "bench.noop"


@dataclass
class Run:
    """What one run took. `count`: tasks that were done. worker_us, redis_us: CPU time, microseconds a task.

    executed: commands a task, by name, with those that scripts call.
    """

    rate: float
    count: int
    worker_us: float
    redis_us: float
    executed: dict[str, float]
    faults: list[str] = field(default_factory=list)


@dataclass
class Commands:
    """Commands a task, by name: those that the worker sent, and those that Redis executed, scripts' too."""

    sent: dict[str, float]
    executed: dict[str, float]
    faults: list[str]


class Bench:
    """A Redis on this machine on which workers take turns; `folder` is for their logs."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.client = redis.Redis.from_url(url, single_connection_client=True)
        self._copies: dict[tuple[str, str, int], Copies] = {}
        self.redis_process = psutil.Process(self.client.info("server")["process_id"])

    def empty(self) -> None:
        """Forget everything, in the append-only file too: it would be rewritten in the midst of a run."""
        self.client.config_set("auto-aof-rewrite-percentage", 0)
        self.client.flushall()
        self.client.bgrewriteaof()
        while self.client.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(EVERY)

    def copies(self, setup: Setup, task: str, padding: int = 0) -> Copies:
        """Messages of a task, as this application's producer makes them."""
        about = setup.text, task, padding
        if about not in self._copies:
            self._copies[about] = Copies(setup, self.url, task, self.client, padding)
        return self._copies[about]

    def left(self, setup: Setup) -> int:
        """Messages on the list and in flight."""
        # In this order: what a worker takes in between is counted twice, not never.
        return int(self.client.llen(QUEUE)) + int(self.client.hlen(setup.unacked))

    def wait_until_left(self, setup: Setup, most: int) -> None:
        """Return once so many are left at most. Raises ProcessError after too long."""
        deadline = time.monotonic() + PATIENCE
        while self.left(setup) > most:
            if time.monotonic() > deadline:
                raise ProcessError(f"{setup.transport}: {self.left(setup)} messages were left after {PATIENCE:g} s")
            time.sleep(EVERY)

    @contextmanager
    def worker(self, setup: Setup, called: str = "") -> Iterator[psutil.Process]:
        """A worker so set up, starting. It is stopped at the end, and killed if it does not end."""
        name = ["-n", f"worker{called}@%h"] if called else []
        command = [*setup.command("bench.worker_app"), *name]
        environment = {SETUP_VARIABLE: setup.text, URL_VARIABLE: self.url, "PYTHONPATH": str(ROOT)} | setup.environment
        program = Program(
            f"worker-{setup.transport}{called}", "works", command, lambda said: True, environment=environment
        )
        with running(program, self.folder) as child:
            yield psutil.Process(child.pid)

    def tally(self) -> Tally:
        """What all workers since the last look said they have done: nothing where none said anything."""
        tally = Tally()
        while isinstance(said := self.client.lpop(TALLY), bytes):
            one = Tally(**json.loads(said))
            tally = Tally(tally.count + one.count, tally.total + one.total, tally.waited + one.waited)
        return tally


@contextmanager
def running(program: Program, folder: Path, patience: float = PATIENCE) -> Iterator[Child]:
    """A program started, perhaps not ready yet. At the end it is asked to stop, and killed after so many seconds."""
    child = Child(program, folder / f"{program.name}.log", folder, 100_000_000)
    child.start()
    try:
        yield child
        child.ask_to_stop()
        deadline = time.monotonic() + patience
        while not child.has_stopped() and time.monotonic() < deadline:
            time.sleep(EVERY)
    finally:
        child.kill()


Look = Callable[[int, psutil.Process], None]


def run(
    bench: Bench, setup: Setup, count: int, look: Look | None = None, longest: float = inf, padding: int = 0
) -> Run:
    """Fill the queue, and let a worker so set up empty it, or work for so many seconds.

    look: is told at each look how many are done, and by whom. padding: characters that each message carries besides.
    """
    bench.empty()
    bench.copies(setup, NOOP, padding).fill(bench.client, range(1, count + 1))
    with bench.worker(setup) as process:
        result = _measured(bench, setup, count, process, look or (lambda done, process: None), longest)
    result.faults = faults(setup.transport, bench.tally(), count, done=result.count)
    return result


def _measured(bench: Bench, setup: Setup, count: int, process: psutil.Process, look: Look, longest: float) -> Run:
    bench.wait_until_left(setup, count - 1)
    left = bench.left(setup)
    begin, first = time.perf_counter(), count - left
    calls, cpu = executed(bench.client), (cpu_seconds(process), cpu_seconds(bench.redis_process))
    looks, progress = 0, (left, time.monotonic())
    while left and time.perf_counter() < begin + longest:
        time.sleep(EVERY)
        left, looks = bench.left(setup), looks + 1
        look(count - left, process)
        if left < progress[0]:
            progress = (left, time.monotonic())
        elif time.monotonic() > progress[1] + PATIENCE:
            raise ProcessError(f"{setup.transport}: nothing was done for {PATIENCE:g} s, {left} messages are left")
    seconds, done = time.perf_counter() - begin, count - left - first
    worker, server = cpu_seconds(process) - cpu[0], cpu_seconds(bench.redis_process) - cpu[1]
    own = Counter(llen=looks, hlen=looks, info=1)
    called = executed(bench.client) - calls - own
    return Run(
        rate=done / seconds,
        count=count - left,
        worker_us=worker / max(done, 1) * 1e6,
        redis_us=server / max(done, 1) * 1e6,
        executed={name: times / max(done, 1) for name, times in called.items()},
    )


def watch(bench: Bench, setup: Setup, count: int) -> Commands:
    """As `run`, but with MONITOR, which slows it: for its commands, and no other figure."""
    bench.empty()
    bench.copies(setup, NOOP).fill(bench.client, range(1, count + 1))
    with watching(bench.url, bench.client) as watched, bench.worker(setup):
        bench.wait_until_left(setup, count - 1)
        began, left = redis_time(bench.client), bench.left(setup)
        bench.wait_until_left(setup, 0)
        ended = redis_time(bench.client)
    watched.commands = [one for one in watched.commands if began <= one.at <= ended]
    sent, called = ({name: n / left for name, n in calls.items()} for calls in (watched.sent(), watched.executed()))
    return Commands(sent, called, faults(setup.transport, bench.tally(), count))


def faults(name: str, tally: Tally, count: int, done: int | None = None) -> list[str]:
    """What a worker did not do of the numbers from 1 to `count`, in a sentence; nothing where all is well.

    done: how many of them, from 1 on, it was seen to have done; it may have done more until it ended.
    """
    least = count if done is None else done
    if least <= tally.count <= count and tally.total == tally.count * (tally.count + 1) // 2:
        return []
    return [f"{name}: its tasks ran {tally.count} times with a sum of {tally.total}, for the numbers from 1 to {count}"]
