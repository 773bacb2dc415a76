"""One contestant's turn: its queue is filled, its worker started, measured while it empties the queue, and stopped."""

import time
from dataclasses import dataclass, field

import psutil
from bench.commands import executed
from bench.peers.contestant import Contestant
from bench.peers.stage import Stage, stage
from bench.pss import MIB, pss
from bench.running import cpu_seconds
from bench.worker_run import Bench

from penstock_cli.local.processes import Child


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
    with stage(bench, contestant, count) as on:
        on.fill(kind)
        with on.worker() as child:
            turn = _measured(on, child)
        turn.faults = on.faults()
    return turn


def _measured(on: Stage, child: Child) -> Turn:
    client, redis_process = on.bench.client, on.bench.redis_process
    first = on.wait_for_first(child)
    process, began = psutil.Process(child.pid), time.perf_counter()
    calls, cpu = executed(client), (cpu_seconds(process), cpu_seconds(redis_process))
    done = on.wait_for_all(child)
    seconds, ran = time.perf_counter() - began, max(done - first, 1)
    # Not in the time: some acknowledge the last ones only when they next look for work.
    looks = on.wait_until_acknowledged()
    worker, server = cpu_seconds(process) - cpu[0], cpu_seconds(redis_process) - cpu[1]
    called = executed(client) - calls - on.contestant.asked(looks)
    called["info"] -= 1
    return Turn(
        rate=ran / seconds,
        count=done,
        worker_us=worker / ran * 1e6,
        redis_us=server / ran * 1e6,
        commands={name: times / ran for name, times in called.items() if times > 0},
        mib=round(pss(process.pid) / MIB, 1),
    )
