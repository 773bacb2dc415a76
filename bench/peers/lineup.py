"""Who takes part, each tuned as its own documentation says; a comment names the place.

All run as one process, but for pools of processes, which have as many as there are cores. What switches between
waiting tasks by itself (gevent, asyncio) may run a hundred at once. Threads: eight, dramatiq's default, and a hundred
where tasks only sleep.
"""

import sys
from dataclasses import replace
from pathlib import Path

import psutil
from bench.peers.contestant import Contestant, Place
from bench.peers.work import CONCURRENCY, QUEUE, SLEEP
from bench.running import ROOT
from bench.stock_search import BASE, fastest
from bench.worker_app import SETUP_VARIABLE, Setup
from bench.worker_throughput import ours

from penstock_cli.local.processes import ProcessError

INSTALLED = ROOT / ".tools" / "peers"

PENSTOCK = "Penstock, gevent"

EIGHT, HUNDRED = 8, 100


def lineup(kind: str, installed: Path = INSTALLED) -> list[Contestant]:
    """All, Penstock first, set up for tasks of this kind. Raises ProcessError where the peers are not installed."""
    if not (installed / "bin" / "python").exists():
        raise ProcessError(f"the peers are not installed in {installed}; `make bench ARGS=peers` does that first")
    threads, cores = HUNDRED if kind == SLEEP else EIGHT, psutil.cpu_count() or 1
    return [
        _celery(PENSTOCK, ours()),
        _celery("Penstock, prefork", replace(ours(), pool="prefork", concurrency=cores)),
        *_stock(threads, cores),
        *_dramatiq(installed, threads),
        _arq(installed),
        _saq(installed),
        _taskiq(installed),
        _huey(installed),
        _rq(installed),
    ]


def _celery(name: str, setup: Setup) -> Contestant:
    return Contestant(
        name,
        f"-P {setup.pool} -c {setup.concurrency}, prefetch {setup.prefetch or 'without bound'}",
        (sys.executable, "-m", "celery", "-A", "bench.peers.celery_app", *setup.arguments),
        (sys.executable, "-m", "bench.peers.celery_app"),
        (("llen", QUEUE), ("hlen", setup.unacked)),
        {SETUP_VARIABLE: setup.text} | setup.environment,
    )


def _stock(threads: int, cores: int) -> list[Contestant]:
    # The search is gevent's. Of the other pools only what it shares is known: which parts of Celery cost, and are off.
    # A hundred at once where the search has fewer: its tasks did nothing, and a sleeping one holds its place.
    found = fastest()
    gevent = replace(found, concurrency=HUNDRED if threads == HUNDRED else found.concurrency)
    return [
        _celery("Celery, gevent", gevent),
        _celery("Celery, threads", replace(BASE, pool="threads", concurrency=threads)),
        _celery("Celery, prefork", replace(BASE, pool="prefork", concurrency=cores)),
    ]


def _peer(
    installed: Path, name: str, app: str, settings: str, worker: tuple[str, ...], *places: Place, at_once: int = HUNDRED
) -> Contestant:
    program, *arguments = worker
    return Contestant(
        name,
        settings,
        (str(installed / "bin" / program), *arguments),
        (str(installed / "bin" / "python"), "-m", f"bench.peers.{app}"),
        places,
        {CONCURRENCY: str(at_once)},
    )


def _dramatiq(installed: Path, threads: int) -> list[Contestant]:
    # `dramatiq --help`: eight threads a process by default; benchmarks/README.md: `dramatiq-gevent` for green ones.
    # It prefetches two messages a thread (`dramatiq_queue_prefetch`, "Environment Variables" in its reference).
    return [
        _peer(
            installed,
            f"dramatiq, {name}",
            "dramatiq_app",
            f"{program} -p 1 -t {count}",
            (program, "bench.peers.dramatiq_app", "-p", "1", "-t", str(count)),
            # The hash keeps each message until it is acknowledged.
            ("hlen", f"dramatiq:{QUEUE}.msgs"),
        )
        for name, program, count in (("threads", "dramatiq", threads), ("gevent", "dramatiq-gevent", HUNDRED))
    ]


def _arq(installed: Path) -> Contestant:
    # What each of these does is in the docstring of arq's `Worker`; they are set in arq_app.
    return _peer(
        installed,
        "arq",
        "arq_app",
        f"max_jobs {HUNDRED}, poll_delay 0.01 s, no results",
        ("arq", "bench.peers.arq_app.WorkerSettings", "--custom-log-dict", "bench.peers.arq_app.LOGGING"),
        ("zcard", "arq:queue"),
    )


def _saq(installed: Path) -> Contestant:
    # README.md: "concurrency"; docs/job.md: "ttl".
    return _peer(
        installed,
        "saq",
        "saq_app",
        f"concurrency {HUNDRED}, no results",
        ("saq", "bench.peers.saq_app.settings"),
        ("zcard", f"saq:{QUEUE}:incomplete"),
    )


def _taskiq(installed: Path) -> Contestant:
    # docs/guide/cli.md: "--max-prefetch: useful for systems with high message rates"; a task is acknowledged when
    # it has been executed, as there is no result to save; "--no-parse" leaves out the casts of arguments.
    arguments = ("--workers", "1", "--max-async-tasks", str(HUNDRED), "--max-prefetch", str(HUNDRED))
    quiet = ("--ack-type", "when_executed", "--no-parse", "--log-level", "WARNING")
    return _peer(
        installed,
        "taskiq",
        "taskiq_app",
        f"Redis stream, --max-async-tasks {HUNDRED} --max-prefetch {HUNDRED} --no-parse",
        ("taskiq", "worker", "bench.peers.taskiq_app:broker", *arguments, *quiet),
        ("xpending", QUEUE, "taskiq"),
    )


def _huey(installed: Path) -> Contestant:
    # docs/consumer.rst: greenlets for waiting, "tens or hundreds of workers"; -n leaves out periodic tasks, -C the
    # health check. It takes a task off its list before it runs: nothing is acknowledged.
    return _peer(
        installed,
        "huey",
        "huey_app",
        f"-k greenlet -w {HUNDRED} -n -C, no results, nothing acknowledged",
        ("huey_consumer", "bench.peers.huey_app.huey", "-k", "greenlet", "-w", str(HUNDRED), "-n", "-C", "-q"),
        ("llen", f"huey.redis.{QUEUE}"),
    )


def _rq(installed: Path) -> Contestant:
    # docs/benchmark.md: "SimpleWorker is faster because it skips fork()", for jobs of single-digit milliseconds. A
    # worker runs one job at a time.
    options = ("--config", "bench.peers.rq_app", "--worker-class", "rq.worker.SimpleWorker", "--serializer", "json")
    quiet = ("--disable-job-desc-logging", "--quiet")
    return _peer(
        installed,
        "rq",
        "rq_app",
        "SimpleWorker, JSON, no results, one at a time",
        ("rq", "worker", *options, *quiet, QUEUE),
        ("llen", f"rq:queue:{QUEUE}"),
        ("zcard", f"rq:wip:{QUEUE}"),
    )
