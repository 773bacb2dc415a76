"""One contestant's turn: its queue is filled, its worker started, measured while it empties the queue, and stopped."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
from bench.commands import executed
from bench.guard import marked
from bench.peers.contestant import Contestant
from bench.peers.work import MARKS, URL, Marks
from bench.pss import MIB, pss
from bench.running import ROOT, cpu_seconds
from bench.worker_app import URL_VARIABLE
from bench.worker_run import EVERY, Bench, running

from penstock_cli.local.processes import Child, ProcessError, Program

STARTING = 60.0
"""Seconds until a worker has run its first task."""

STALLED = 15.0
"""Seconds after which a worker that runs, or acknowledges, nothing is not waited for any more."""

STOPPING = 5.0
"""Seconds to stop, once all is done, until it is killed."""

FILLING = 300.0
"""Seconds for filling a queue."""


@dataclass
class Turn:
    """What one turn took. count: tasks that were done. worker_us, redis_us: CPU time, microseconds a task.

    rate: tasks a second until the last one was run. commands: that Redis executed, a task, by name, with those that
    scripts call. mib: PSS of the worker's processes at the end.
    """

    rate: float
    count: int
    worker_us: float
    redis_us: float
    commands: dict[str, float]
    mib: float
    faults: list[str] = field(default_factory=list)


def take(bench: Bench, contestant: Contestant, kind: str, count: int) -> Turn:
    """Let it run so many tasks of a kind. Raises ProcessError where it cannot be filled, or runs nothing, or ends."""
    bench.empty()
    path = bench.folder / "marks"
    marks = Marks.create(path, count)
    urls = {URL: bench.url, URL_VARIABLE: bench.url}
    environment = {MARKS: str(path), "PYTHONPATH": str(ROOT), **urls, **contestant.environment}
    try:
        _fill(contestant, kind, count, environment)
        with _worker(bench, contestant, environment) as child:
            turn = _measured(bench, contestant, marks, count, child)
        # Now that it has stopped, so that what it ran once more in the end is seen too.
        turn.faults = marked(contestant.name, marks.seen(), contestant.left(bench.client))
    finally:
        marks.close()
    return turn


def _fill(contestant: Contestant, kind: str, count: int, environment: dict[str, str]) -> None:
    command = [*contestant.fill, kind, str(count)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=FILLING, check=False
    )
    if done.returncode:
        raise ProcessError(f"{contestant.name}: the queue could not be filled: {done.stderr.strip()[-2000:]}")


@contextmanager
def _worker(bench: Bench, contestant: Contestant, environment: dict[str, str]) -> Iterator[Child]:
    name = contestant.name.replace(", ", "-")
    program = Program(name, "works", list(contestant.worker), lambda said: True, environment=environment)
    with running(program, bench.folder, STOPPING) as child:
        yield child


def _measured(bench: Bench, contestant: Contestant, marks: Marks, count: int, child: Child) -> Turn:
    first = _started(contestant, marks, child)
    process, began = psutil.Process(child.pid), time.perf_counter()
    calls, cpu = executed(bench.client), (cpu_seconds(process), cpu_seconds(bench.redis_process))
    done = _emptied(contestant, marks, count, child)
    seconds, ran = time.perf_counter() - began, max(done - first, 1)
    # Not in the time: some acknowledge the last ones only when they next look for work.
    looks = _acknowledged(bench, contestant)
    worker, server = cpu_seconds(process) - cpu[0], cpu_seconds(bench.redis_process) - cpu[1]
    called = executed(bench.client) - calls - contestant.asked(looks)
    called["info"] -= 1
    return Turn(
        rate=ran / seconds,
        count=done,
        worker_us=worker / ran * 1e6,
        redis_us=server / ran * 1e6,
        commands={name: times / ran for name, times in called.items() if times > 0},
        mib=round(pss(process.pid) / MIB, 1),
    )


def _started(contestant: Contestant, marks: Marks, child: Child) -> int:
    """How many tasks were done at the first look that found one."""
    deadline = time.monotonic() + STARTING
    while not (done := marks.done()):
        if child.has_ended() or time.monotonic() > deadline:
            raise ProcessError(f"{contestant.name} has run nothing: {child.obituary()}")
        time.sleep(EVERY)
    return done


def _emptied(contestant: Contestant, marks: Marks, count: int, child: Child) -> int:
    """How many numbers were run, once it is all of them or no more of them are."""
    done, moved = marks.done(), time.monotonic()
    while done < count and time.monotonic() < moved + STALLED:
        if child.has_ended():
            raise ProcessError(f"{contestant.name}: {child.obituary()}")
        time.sleep(EVERY)
        if (now := marks.done()) > done:
            done, moved = now, time.monotonic()
    return done


def _acknowledged(bench: Bench, contestant: Contestant) -> int:
    """Wait until Redis holds no task any more, or for too long. How often was looked."""
    deadline, looks = time.monotonic() + STALLED, 1
    while contestant.left(bench.client) and time.monotonic() < deadline:
        time.sleep(EVERY)
        looks += 1
    return looks
