"""The fastest settings of stock Celery's worker in each pool on this machine, searched; all that was tried is kept.

First every concurrency with every prefetch multiplier; the best of them again; then, under gevent, each other setting
changed alone, beside the best; then whatever was faster, alone and all together. The other pools have what that found,
and sizes of their own. What is compared takes turns.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any

from bench.progress import steps
from bench.running import ROOT, Ground, Machine
from bench.worker_app import STOCK, Setup
from bench.worker_run import Bench, run

GEVENT = "gevent"

BASE = Setup(
    STOCK,
    flags=("--without-gossip", "--without-mingle", "--without-heartbeat"),
    conf={
        "result_backend_thread_safe": True,
        "task_ignore_result": True,
        "task_track_started": False,
        "worker_send_task_events": False,
        "worker_disable_rate_limits": True,
        "worker_enable_remote_control": False,
    },
)
"""What documentation and source promise to be quick. Without `result_backend_thread_safe` Celery looks through all
installed packages for a backend before each task, since to it each greenlet is a new thread."""

CONCURRENCIES = {GEVENT: (1, 4, 10, 50, 100, 200, 500), "threads": (1, 2, 4, 8, 16, 32, 100), "prefork": (1, 2, 3, 4)}
"""Tried in each pool."""

PREFETCHES = (1, 4, 10, 0)
BEST_OF_GRID = 6
LONGEST = 15.0
"""Seconds after which a run is ended: some settings run one task a second."""

GAIN, MOST_GAINS = 1.01, 4
"""How much faster a setting must be alone to be tried again, and how many of them at most."""


def _conf(**conf: Any) -> Callable[[Setup], Setup]:
    return lambda setup: replace(setup, conf=setup.conf | conf)


def _options(**options: Any) -> Callable[[Setup], Setup]:
    return lambda setup: replace(setup, options=setup.options | options)


CHANGES: Mapping[str, Callable[[Setup], Setup]] = {
    "gossip, mingle, heartbeat": lambda setup: replace(setup, flags=()),
    "backend found for each task": _conf(result_backend_thread_safe=False),
    "results not ignored": _conf(task_ignore_result=False),
    "started is tracked": _conf(task_track_started=True),
    "events": _conf(worker_send_task_events=True),
    "rate limits": _conf(worker_disable_rate_limits=False),
    "remote control": _conf(worker_enable_remote_control=True),
    "broker_pool_limit none": _conf(broker_pool_limit=None),
    "no limit of ETA tasks": _conf(worker_eta_task_limit=None),
    "loglevel INFO": lambda setup: replace(setup, loglevel="INFO"),
    "loglevel ERROR": lambda setup: replace(setup, loglevel="ERROR"),
    "polling_interval 0.1": _options(polling_interval=0.1),
    "polling_interval 10": _options(polling_interval=10),
    "visibility_timeout 24 h": _options(visibility_timeout=86400),
    "unacked_restore_interval 1 h": _options(unacked_restore_interval=3600),
    "no health check": _options(health_check_interval=0),
    "socket_keepalive": _options(socket_keepalive=True),
    "gevent tracks no tree": lambda setup: replace(setup, environment={"GEVENT_TRACK_GREENLET_TREE": "false"}),
    "python -O": lambda setup: replace(setup, environment={"PYTHONOPTIMIZE": "1"}),
}


@dataclass
class Tried:
    """A setup with the tasks a second of each of its runs, and the medians of its CPU time and commands a task."""

    stage: str
    name: str
    setup: Setup
    rates: list[float] = field(default_factory=list)
    worker_us: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The median run's."""
        return statistics.median(self.rates)


@dataclass
class Search:
    """All that was tried, and the setup that was the fastest at the end."""

    tried: list[Tried] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def fastest(self) -> Setup:
        """Of the last stage."""
        return _fastest([one for one in self.tried if one.stage == self.tried[-1].stage])[0].setup


def kept(pool: str) -> Path:
    """The committed results of a pool's search, the last line of which is what `make bench` runs as stock."""
    return ROOT / "bench" / "results" / f"stock_{pool}_search.json"


def fastest(pool: str = GEVENT) -> Setup:
    """The one that the committed search found."""
    found = json.loads(kept(pool).read_text(encoding="utf-8"))
    return Setup.read(json.dumps(found["fastest"]))


def keep(search: Search, machine: Machine) -> None:
    """Write the file that is committed."""
    head = {"measured_at": datetime.now().astimezone().isoformat(), "machine": asdict(machine)}
    lines = ",\n".join(f"  {json.dumps(asdict(one))}" for one in search.tried)
    begin = json.dumps(head, indent=1).removesuffix("\n}")
    kept(search.fastest.pool).write_text(
        f'{begin},\n "tried": [\n{lines}\n ],\n "fastest": {search.fastest.text}\n}}\n', encoding="utf-8"
    )


def search(ground: Ground, pool: str, rounds: int, seconds: float, say: Callable[[str], None]) -> Search:
    """Try all. rounds: of the last stage; seconds: about how long each run lasts."""
    found, bench = Search(), Bench(ground.redis_url, ground.folder)
    begin_with = BASE if pool == GEVENT else replace(fastest(), pool=pool)
    pace = run(bench, replace(begin_with, concurrency=4, prefetch=0), 2000).rate

    def stage(name: str, setups: Mapping[str, Setup], times: int) -> list[Tried]:
        tried = [Tried(name, which, setup) for which, setup in setups.items()]
        found.tried += tried
        with steps(name, len(tried) * times) as begin:
            for turn in range(times):
                for one in tried[turn % len(tried) :] + tried[: turn % len(tried)]:
                    begin(one.name)
                    _add(found, one, bench, pace * seconds)
        best = _fastest(tried)
        say(f"{name}: " + ", ".join(f"{one.name} {one.rate:,.0f}/s" for one in best[:3]))
        return best

    grid = {
        f"-c {c}, prefetch {p or 'without bound'}": replace(begin_with, concurrency=c, prefetch=p)
        for c in CONCURRENCIES[pool]
        for p in PREFETCHES
    }
    best = stage("sizes", grid, 1)[:BEST_OF_GRID]
    again = {one.name: one.setup for one in best}
    if pool != GEVENT:
        stage("the best sizes again", again, rounds)
        return found
    size = stage("the best sizes again", again, max(2, rounds - 1))[0]
    changed = {size.name: size.setup} | {name: change(size.setup) for name, change in CHANGES.items()}
    alone = stage("one setting changed", changed, max(2, rounds - 1))
    base = next(one for one in alone if one.name == size.name)
    gains = [one.name for one in alone if one.rate > base.rate * GAIN][:MOST_GAINS]
    last = {name: changed[name] for name in (size.name, *gains)}
    if len(gains) > 1:
        last["all of these"] = _all(size.setup, gains)
    stage("the faster ones", last, rounds)
    return found


def _add(found: Search, one: Tried, bench: Bench, tasks: float) -> None:
    got = run(bench, one.setup, max(500, round(tasks)), longest=LONGEST)
    one.rates.append(round(got.rate, 1))
    one.worker_us.append(round(got.worker_us, 1))
    one.commands.append(round(sum(got.executed.values()), 2))
    found.faults += got.faults


def _all(setup: Setup, names: Iterable[str]) -> Setup:
    return reduce(lambda made, name: CHANGES[name](made), names, setup)


def _fastest(tried: Iterable[Tried]) -> list[Tried]:
    return sorted(tried, key=lambda one: -one.rate)
