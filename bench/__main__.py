"""`python -m bench`, or `make bench`: see `--help`. Ends with status 1 where someone did not do the counted work, or a
measure failed; the others are taken all the same."""

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import (
    accept,
    ceiling,
    ceiling_report,
    costs,
    drain,
    growth,
    growth_report,
    kept,
    large_import,
    mail_backlog,
    memory,
    one_run,
    plots,
    report,
    sizes,
    sizes_report,
    startup,
    stock_search,
    suite_report,
    tenants,
    tenants_report,
    verdict,
    waiting,
    worker_throughput,
)
from bench.coldstart import report as cold_report
from bench.coldstart import rounds as cold_rounds
from bench.peers import latency, throughput
from bench.peers import plots as peer_plots
from bench.peers import report as peer_report
from bench.peers.work import KINDS
from bench.running import Ground, Machine
from bench.worker_run import Bench
from rich import get_console
from rich.console import RenderableType

VERDICT = "verdict"
"""Named alone: what is wanted and seen, from what is kept."""

WHEN_NAMED = {"coldstart"}
"""Measures that are taken when they are named only: it needs a cluster."""

ALONE = {"ceiling", "coldstart"}
"""Measures that need no servers on this machine."""


def main() -> int:
    given = _arguments()
    console, began = get_console(), datetime.now().astimezone()
    console.width = max(console.width, 130)
    measures = {name: _measure(name, given) for name in given.what}
    failed = one_run.take_all(measures, vars(given), kept.RESULTS, began, console, ALONE) if measures else []
    if given.judged:
        console.print(verdict.table(verdict.judge(kept.RESULTS), began))
    for line in failed:
        console.print(line, style="bold red", highlight=False, soft_wrap=True)
    return 1 if failed else 0


Say = Callable[[str], None]


def _measure(name: str, given: argparse.Namespace) -> one_run.Measure:
    return lambda ready, say, picture: _MEASURES[name](ready, given, say, picture)


def _arguments() -> argparse.Namespace:
    parser = _parser()
    given = parser.parse_args()
    given.judged = not given.what or VERDICT in given.what
    given.what = given.what or [name for name in _MEASURES if name not in WHEN_NAMED]
    given.what = [name for name in given.what if name != VERDICT]
    if given.tenant_jobs < tenants.PAGE * tenants.TENANTS[-1]:
        parser.error(f"--tenant-jobs must be {tenants.PAGE * tenants.TENANTS[-1]:,} at least: each tenant has a page")
    if given.drain_jobs % 100 or given.drain_jobs < 100:
        parser.error("--drain-jobs must be a multiple of 100")
    given.lone_messages, given.pushes = 200, 40
    if given.short:
        given.worker_rounds, given.tasks, given.idle_seconds = 2, 20_000, 5
        given.lone_messages, given.pushes = 40, 10
        given.peer_rounds, given.sent = 1, 500
        given.rounds, given.seconds, given.lone_seconds = 2, 2, 1
        given.requests, given.rows, given.mails = 20_000, 50_000, 10
        given.drain_rounds, given.drain_jobs = 1, 2_000
        given.jobs, given.waiting, given.growth_rounds = 100_000, 10_000, 5
        given.cold_rounds = 2
        given.mail_rounds, given.imports, given.mail_seconds, given.patience = 1, 5, 5, 20
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    unnamed = f"all but {', '.join(sorted(WHEN_NAMED))} by default; {VERDICT}: what is wanted and what was seen, alone"
    parser.add_argument("what", nargs="*", choices=[*_MEASURES, VERDICT, []], help=unnamed)
    parser.add_argument("--short", action="store_true", help="less of it, for a first look")
    parser.add_argument("--rounds", type=int, default=3, help="of accepting, for each contestant (default 3)")
    parser.add_argument("--seconds", type=float, default=3, help="of each round (default 3)")
    parser.add_argument("--lone-seconds", type=float, default=4, help="of lone requests in each round (default 4)")
    parser.add_argument("--workers", type=int, default=1, help="gunicorn's processes (default 1)")
    parser.add_argument("--requests", type=int, default=200_000, help="over which memory is watched (default 200,000)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the file that is imported (default 1,000,000)")
    parser.add_argument("--mails", type=int, default=40, help="before and after the import, each (default 40)")
    parser.add_argument("--worker-rounds", type=int, default=3, help="of tasks, for each contestant (default 3)")
    parser.add_argument("--tasks", type=int, default=40_000, help="over which a worker's memory is watched (40,000)")
    searched = "worker: search stock's fastest settings in this pool, and keep them"
    parser.add_argument("--search", choices=stock_search.CONCURRENCIES, help=searched)
    parser.add_argument("--idle-seconds", type=float, default=30, help="of looking at an idle worker (default 30)")
    parser.add_argument("--consumers", type=int, default=50, help="of one queue, when a message is pushed (50)")
    parser.add_argument("--mail-rounds", type=int, default=1, help="of mails behind imports, for each (default 1)")
    parser.add_argument("--imports", type=int, default=30, help="that the mails are behind of (default 30)")
    parser.add_argument("--import-rows", type=int, default=330_000, help="of each of them (default 330,000)")
    parser.add_argument("--mail-rate", type=float, default=10, help="mails a second (default 10)")
    parser.add_argument("--mail-seconds", type=float, default=30, help="of mails (default 30)")
    parser.add_argument("--patience", type=float, default=120, help="seconds for the last mail to come (default 120)")
    parser.add_argument("--drain-rounds", type=int, default=1, help="of a full queue, for each (default 1)")
    parser.add_argument("--drain-jobs", type=int, default=100_000, help="in it, a multiple of 100 (default 100,000)")
    parser.add_argument("--peer-rounds", type=int, default=2, help="peers, latency: for each contestant (default 2)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="peers: of tasks; again for more (all)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="peers: one; again for more")
    parser.add_argument("--sent", type=int, default=5000, help="latency: tasks that are sent at once (default 5,000)")
    parser.add_argument(
        "--jobs", type=int, default=growth_report.ROWS, help="growth: in the largest table (%(default)s)"
    )
    parser.add_argument(
        "--waiting", type=int, default=growth_report.WAITING, help="growth: more jobs, that wait (%(default)s)"
    )
    parser.add_argument("--growth-rounds", type=int, default=8, help="growth, tenants: in each table (default 8)")
    parser.add_argument("--size-rounds", type=int, default=1, help="sizes: of each (default 1)")
    parser.add_argument("--tenant-jobs", type=int, default=100_000, help="tenants: in each table (default 100,000)")
    parser.add_argument("--cold-rounds", type=int, default=5, help="coldstart: of each contestant (default 5)")
    looks = "coldstart: seconds between two looks of KEDA's (default 5, the chart's)"
    parser.add_argument("--polling", type=int, default=5, help=looks)
    parser.add_argument("--shared-buffers", metavar="SIZE", help="growth: of PostgreSQL, read full before (128MB, not)")
    return parser


def _accept(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = accept.Wanted(given.rounds, given.seconds, given.lone_seconds, given.workers)
    result = accept.measure(ready, wanted, say)
    plots.accepted(result, picture)
    return result, report.accepted(result)


def _memory(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    result = memory.measure(ready, given.requests, given.workers, say)
    plots.remembered(result, picture)
    return result, report.remembered(result)


def _import(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    result = large_import.measure(ready, given.rows, given.mails, say)
    plots.imported(result, picture)
    return result, report.imported(result)


def _mail(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = mail_backlog.Wanted(
        given.mail_rounds, given.imports, given.import_rows, given.mail_rate, given.mail_seconds, given.patience
    )
    result = mail_backlog.measure(ready.folder, wanted, say)
    plots.mailed(result, picture)
    return result, suite_report.mailed(result)


def _drain(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    result = drain.measure(ready.folder, drain.Wanted(given.drain_rounds, given.drain_jobs), say)
    plots.drained(result, picture)
    return result, suite_report.drained(result)


def _worker(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    if given.search:
        found = stock_search.search(ready, given.search, given.worker_rounds, given.seconds, say)
        stock_search.keep(found, Machine.of(ready))
        plots.searched(found, picture)
        return found, report.searched(found)
    wanted = worker_throughput.Wanted(given.worker_rounds, given.seconds, given.tasks)
    result = worker_throughput.measure(ready, wanted, say)
    plots.worked(result, picture)
    return result, report.worked(result)


def _waiting(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = waiting.Wanted(given.idle_seconds, given.lone_messages, given.consumers, given.pushes)
    result = waiting.measure(ready, wanted, say)
    plots.waited(result, picture)
    return result, report.waited(result)


def _peers(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = throughput.Wanted(given.peer_rounds, given.seconds, tuple(given.kind or KINDS), frozenset(given.only))
    result = throughput.measure(ready, wanted, say)
    peer_plots.beside_peers(result, picture)
    return result, peer_report.beside_peers(result)


def _latency(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = latency.Wanted(given.peer_rounds, given.sent, given.seconds, tuple(given.only))
    result = latency.measure(ready, wanted, say)
    peer_plots.started(result, picture)
    return result, peer_report.started(result)


def _growth(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = growth.Wanted(given.jobs, given.waiting, given.growth_rounds)
    result = growth.measure(ready, wanted, say)
    growth_report.drawn(result, picture)
    return result, growth_report.grown(result)


def _sizes(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = sizes.Wanted(given.size_rounds, given.seconds, 4_000, sizes.SHORT if given.short else sizes.POINTS)
    result = sizes.measure(Bench(ready.redis_url, ready.folder), wanted, say)
    sizes_report.drawn(result, picture)
    return result, sizes_report.grown(result)


def _tenants(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = tenants.Wanted(given.tenant_jobs, given.growth_rounds, tenants.SHORT if given.short else tenants.TENANTS)
    result = tenants.measure(ready, wanted, say)
    tenants_report.drawn(result, picture)
    return result, tenants_report.spread(result)


def _ceiling(ready: None, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    result = ceiling.measure(costs.costs(kept.RESULTS), 2_000 if given.short else 10_000, say)
    ceiling_report.drawn(result, picture)
    return result, ceiling_report.told(result)


def _startup(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    result = startup.measure(ready, given.worker_rounds, say)
    plots.started(result, picture)
    return result, report.started(result)


def _coldstart(ready: None, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    result = cold_rounds.measure(cold_rounds.Wanted(given.cold_rounds, given.polling), say)
    cold_report.drawn(result, picture)
    return result, cold_report.started(result)


_MEASURES: dict[str, Callable[[Any, argparse.Namespace, Say, Path], tuple[Any, RenderableType]]] = {
    "accept": _accept,
    "memory": _memory,
    "import": _import,
    "mail": _mail,
    "drain": _drain,
    "worker": _worker,
    "waiting": _waiting,
    "peers": _peers,
    "latency": _latency,
    "growth": _growth,
    "sizes": _sizes,
    "tenants": _tenants,
    "ceiling": _ceiling,
    "startup": _startup,
    "coldstart": _coldstart,
}


if __name__ == "__main__":
    sys.exit(main())
