"""Who takes part, each tuned as its own documentation says; a comment names the place.

All run as one process, but for pools of processes, which have as many as there are cores. What switches between
waiting tasks by itself (gevent, asyncio) may run a hundred at once, and five hundred where tasks only sleep. Threads:
eight, dramatiq's default, and a hundred where tasks only sleep.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from bench.peers.contestant import TOGETHER, Contestant, Place
from bench.peers.results import of_celery, of_the_ledger
from bench.peers.work import CONCURRENCY, NOOP, QUEUE, SLEEP
from bench.running import ROOT
from bench.stock_search import BASE, CONCURRENCIES, fastest
from bench.worker_app import PENSTOCKS, SETUP_VARIABLE, Setup
from bench.worker_throughput import ours

from penstock_cli.local.processes import ProcessError
from penstock_contracts.queues import OPS_TRACE

INSTALLED = ROOT / ".tools" / "peers"

PENSTOCK, PENSTOCK_PREFORK = "Penstock, gevent", "Penstock, prefork"
PENSTOCK_LEDGER = "Penstock with its ledger, gevent"

STOCK = ("Celery, gevent", "Celery, threads", "Celery, prefork")
STOCK_RESULTS = ("Celery with results in PostgreSQL, gevent", "Celery with results in PostgreSQL, prefork")

DRAMATIQ = "dramatiq, gevent"

RESERVE = 16
"""Penstock's prefetch multiplier under prefork: a larger one is for short tasks (docs/transport.md and Celery's
"Optimizing"). Stock's search found no bound to be its fastest."""

GROUP = 500
"""Jobs that a sender with the ledger hands over at once, where it does."""


@dataclass(frozen=True)
class Sizes:
    """How many tasks a worker may run at once: in greenlets or coroutines, in threads, in processes."""

    green: int
    threads: int
    cores: int

    @classmethod
    def of(cls, kind: str) -> "Sizes":
        """For this kind of tasks, on this machine."""
        cores = psutil.cpu_count() or 1
        return cls(500, 100, cores) if kind == SLEEP else cls(100, 8, cores)


def lineup(kind: str, database_url: str, installed: Path = INSTALLED) -> list[Contestant]:
    """All, Penstock first, set up for tasks of this kind. Raises ProcessError where the peers are not installed."""
    if not (installed / "bin" / "python").exists():
        raise ProcessError(f"the peers are not installed in {installed}; `make bench` does that first")
    sizes = Sizes.of(kind)
    return [
        _celery(PENSTOCK, replace(ours(), concurrency=sizes.green)),
        _celery(PENSTOCK_PREFORK, replace(ours(), pool="prefork", concurrency=sizes.cores, prefetch=RESERVE)),
        _with_ledger(sizes, database_url),
        *_stock(sizes),
        *_stock_with_results(sizes, database_url),
        *_dramatiq(installed, sizes),
        _arq(installed, sizes),
        _saq(installed, sizes),
        _taskiq(installed, sizes),
        _huey(installed, sizes),
        _rq(installed),
    ]


def sender_of(name: str) -> str:
    """Who sends the tasks of this worker: its name up to the pool's."""
    return name.partition(",")[0]


def senders(database_url: str, installed: Path = INSTALLED) -> list[Contestant]:
    """One for each way to send. Raises ProcessError where the peers are not installed."""
    found: dict[str, Contestant] = {}
    for one in lineup(NOOP, database_url, installed):
        found.setdefault(sender_of(one.name), replace(one, name=sender_of(one.name)))
    ledger = found[sender_of(PENSTOCK_LEDGER)]
    environment = {**ledger.environment, TOGETHER: str(GROUP)}
    together = replace(ledger, name=f"{ledger.name} ({GROUP} at once)", environment=environment)
    del found[sender_of(STOCK_RESULTS[0])]  # it sends as the other one
    return [*found.values(), together]


def starters(database_url: str, installed: Path = INSTALLED) -> list[Contestant]:
    """The workers whose tasks' start is waited for: each one's quickest. Raises ProcessError as `lineup`."""
    found = lineup(NOOP, database_url, installed)
    return [one for one in found if "prefork" not in one.name and one.name not in STOCK_RESULTS]


def _celery(name: str, setup: Setup) -> Contestant:
    return Contestant(
        name,
        f"-P {setup.pool} -c {setup.concurrency}, prefetch {setup.prefetch or 'without bound'}",
        tuple(setup.command("bench.peers.celery_app")),
        (sys.executable, "-m", "bench.peers.celery_app"),
        (("llen", QUEUE), ("hlen", setup.unacked)),
        {SETUP_VARIABLE: setup.text} | setup.environment,
        fill=(sys.executable, "-m", "bench.peers.celery_fill"),
    )


def _with_ledger(sizes: Sizes, database_url: str) -> Contestant:
    # As its services run: nothing is set but the sizes, and the log says as little as the others'.
    pool = ["-P", "gevent", "-c", str(sizes.green), "-Q", OPS_TRACE.name, "--loglevel", "WARNING"]
    return Contestant(
        PENSTOCK_LEDGER,
        f"-P gevent -c {sizes.green}",
        (sys.executable, "-m", PENSTOCKS, "-A", "bench.peers.ledger_app", "worker", *pool),
        (sys.executable, "-m", "bench.peers.ledger_app"),
        (("llen", OPS_TRACE.name), ("hlen", OPS_TRACE.unacked_key)),
        {"PENSTOCK_DATABASE_URL": database_url, "PENSTOCK_LOG_LEVEL": "WARNING"},
        results=of_the_ledger(database_url),
    )


def _stock(sizes: Sizes) -> list[Contestant]:
    # As many at once as anybody where the search has fewer: its tasks did nothing, and a sleeping one holds its place.
    at_least = {"gevent": sizes.green, "threads": sizes.threads} if sizes.green > 100 else {}
    found = map(fastest, CONCURRENCIES)
    setups = [replace(one, concurrency=max(one.concurrency, at_least.get(one.pool, 0))) for one in found]
    return [_celery(name, setup) for name, setup in zip(STOCK, setups, strict=True)]


def _stock_with_results(sizes: Sizes, database_url: str) -> list[Contestant]:
    # "Database backend settings" in its configuration reference. Its engine keeps connections in forked processes
    # only, so gevent connects for each result.
    kept = {"result_backend": f"db+{database_url.replace('postgresql:', 'postgresql+psycopg:', 1)}"}
    conf = BASE.conf | {"task_ignore_result": False} | kept
    named = dict(zip(STOCK_RESULTS, (("gevent", sizes.green), ("prefork", sizes.cores)), strict=True))
    return [
        replace(_celery(name, replace(BASE, pool=pool, concurrency=count, conf=conf)), results=of_celery(database_url))
        for name, (pool, count) in named.items()
    ]


def _peer(
    installed: Path,
    name: str,
    app: str,
    settings: str,
    worker: tuple[str, ...],
    *places: Place,
    at_once: int = 1,
    sent: Sequence[Place] = (),
) -> Contestant:
    program, *arguments = worker
    return Contestant(
        name,
        settings,
        (str(installed / "bin" / program), *arguments),
        (str(installed / "bin" / "python"), "-m", f"bench.peers.{app}"),
        places,
        {CONCURRENCY: str(at_once)},
        sent=tuple(sent),
    )


def _dramatiq(installed: Path, sizes: Sizes) -> list[Contestant]:
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
        for name, program, count in (
            ("threads", "dramatiq", sizes.threads),
            ("gevent", "dramatiq-gevent", sizes.green),
        )
    ]


def _arq(installed: Path, sizes: Sizes) -> Contestant:
    # What each of these does is in the docstring of arq's `Worker`; they are set in arq_app.
    return _peer(
        installed,
        "arq",
        "arq_app",
        f"max_jobs {sizes.green}, poll_delay 0.01 s, no results",
        ("arq", "bench.peers.arq_app.WorkerSettings", "--custom-log-dict", "bench.peers.arq_app.LOGGING"),
        ("zcard", "arq:queue"),
        at_once=sizes.green,
    )


def _saq(installed: Path, sizes: Sizes) -> Contestant:
    # README.md: "concurrency"; docs/job.md: "ttl".
    return _peer(
        installed,
        "saq",
        "saq_app",
        f"concurrency {sizes.green}, no results",
        ("saq", "bench.peers.saq_app.settings"),
        ("zcard", f"saq:{QUEUE}:incomplete"),
        at_once=sizes.green,
    )


def _taskiq(installed: Path, sizes: Sizes) -> Contestant:
    # docs/guide/cli.md: "--max-prefetch: useful for systems with high message rates"; a task is acknowledged when
    # it has been executed, as there is no result to save; "--no-parse" leaves out the casts of arguments.
    arguments = ("--workers", "1", "--max-async-tasks", str(sizes.green), "--max-prefetch", str(sizes.green))
    quiet = ("--ack-type", "when_executed", "--no-parse", "--log-level", "WARNING")
    return _peer(
        installed,
        "taskiq",
        "taskiq_app",
        f"Redis stream, --max-async-tasks {sizes.green} --max-prefetch {sizes.green} --no-parse",
        ("taskiq", "worker", "bench.peers.taskiq_app:broker", *arguments, *quiet),
        ("xpending", QUEUE, "taskiq"),
        # What no worker has read is not pending; what was acknowledged stays in the stream.
        sent=[("xlen", QUEUE)],
    )


def _huey(installed: Path, sizes: Sizes) -> Contestant:
    # docs/consumer.rst: greenlets for waiting, "tens or hundreds of workers"; -n leaves out periodic tasks, -C the
    # health check. It takes a task off its list before it runs: nothing is acknowledged.
    return _peer(
        installed,
        "huey",
        "huey_app",
        f"-k greenlet -w {sizes.green} -n -C, no results, nothing acknowledged",
        ("huey_consumer", "bench.peers.huey_app.huey", "-k", "greenlet", "-w", str(sizes.green), "-n", "-C", "-q"),
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
