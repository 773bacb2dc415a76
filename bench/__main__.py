"""`python -m bench`, or `make bench`: see `--help`. Ends with status 1 where someone did not do the counted work."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import (
    accept,
    drain,
    growth,
    growth_report,
    large_import,
    mail_backlog,
    memory,
    plots,
    report,
    sizes,
    sizes_report,
    startup,
    stock_search,
    suite_report,
    waiting,
    worker_throughput,
)
from bench.peers import latency, throughput
from bench.peers import plots as peer_plots
from bench.peers import report as peer_report
from bench.peers.work import KINDS
from bench.running import ROOT, Ground, Machine, ground
from bench.worker_run import Bench
from rich import get_console
from rich.console import RenderableType
from rich.table import Table

RESULTS = ROOT / "bench" / "results"


BESIDE_PEERS = {"peers", "latency"}
"""Measures that need the peers."""

WHEN_NAMED = BESIDE_PEERS | {"drain", "growth", "sizes"}
"""Measures that are taken when they are named only, for their time."""


def main() -> int:
    given = _arguments()
    console = get_console()
    console.width = max(console.width, 130)
    folder = RESULTS / datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True)
    faults = []

    def say(line: str) -> None:
        console.print(f"{datetime.now().astimezone():%H:%M:%S} {line}", style="dim", highlight=False)

    for name in given.what:
        with ground(given.shared_buffers if name == "growth" else None) as ready:
            machine = Machine.of(ready)
            if name == given.what[0]:
                console.print(_about(machine))
            result, shown = _MEASURES[name](ready, given, say, folder / f"{name}.png")
        kept = {"measured_at": datetime.now().astimezone().isoformat(), "machine": asdict(machine)} | asdict(result)
        (folder / f"{name}.json").write_text(json.dumps(kept), encoding="utf-8")
        console.print(shown)
        faults += result.faults
    console.print(f"raw results and pictures: {folder.relative_to(ROOT)}", highlight=False)
    for fault in faults:
        console.print(f"not what was counted: {fault}", style="bold red", highlight=False)
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = _parser()
    given = parser.parse_args()
    given.what = given.what or [name for name in _MEASURES if name not in WHEN_NAMED]
    if given.drain_jobs % 100 or given.drain_jobs < 100:
        parser.error("--drain-jobs must be a multiple of 100")
    given.lone_messages, given.pushes = 200, 40
    if given.short:
        given.worker_rounds, given.tasks, given.idle_seconds = 2, 20_000, 5
        given.lone_messages, given.pushes = 40, 10
        if set(given.what) <= BESIDE_PEERS:
            given.worker_rounds, given.sent = 1, 500
        given.rounds, given.seconds, given.lone_seconds = 2, 2, 1
        given.requests, given.rows, given.mails = 20_000, 50_000, 10
        given.drain_rounds, given.drain_jobs = 1, 2_000
        given.jobs, given.waiting, given.growth_rounds = 100_000, 10_000, 5
        given.mail_rounds, given.imports, given.mail_seconds, given.patience = 1, 5, 5, 20
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    unnamed = f"all but {', '.join(sorted(WHEN_NAMED))} by default"
    parser.add_argument("what", nargs="*", choices=[*_MEASURES, []], help=unnamed)
    parser.add_argument("--short", action="store_true", help="less of it, for a first look")
    parser.add_argument("--rounds", type=int, default=5, help="of accepting, for each contestant (default 5)")
    parser.add_argument("--seconds", type=float, default=8, help="of each round (default 8)")
    parser.add_argument("--lone-seconds", type=float, default=4, help="of lone requests in each round (default 4)")
    parser.add_argument("--workers", type=int, default=1, help="gunicorn's processes (default 1)")
    parser.add_argument("--requests", type=int, default=200_000, help="over which memory is watched (default 200,000)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the file that is imported (default 1,000,000)")
    parser.add_argument("--mails", type=int, default=40, help="before and after the import, each (default 40)")
    parser.add_argument("--worker-rounds", type=int, default=5, help="of tasks, for each contestant (default 5)")
    parser.add_argument("--tasks", type=int, default=200_000, help="over which a worker's memory is watched (200,000)")
    searched = "worker: search stock's fastest settings in this pool, and keep them"
    parser.add_argument("--search", choices=stock_search.CONCURRENCIES, help=searched)
    parser.add_argument("--idle-seconds", type=float, default=30, help="of looking at an idle worker (default 30)")
    parser.add_argument("--consumers", type=int, default=50, help="of one queue, when a message is pushed (50)")
    parser.add_argument("--mail-rounds", type=int, default=3, help="of mails behind imports, for each (default 3)")
    parser.add_argument("--imports", type=int, default=30, help="that the mails are behind of (default 30)")
    parser.add_argument("--import-rows", type=int, default=330_000, help="of each of them (default 330,000)")
    parser.add_argument("--mail-rate", type=float, default=10, help="mails a second (default 10)")
    parser.add_argument("--mail-seconds", type=float, default=30, help="of mails (default 30)")
    parser.add_argument("--patience", type=float, default=120, help="seconds for the last mail to come (default 120)")
    parser.add_argument("--drain-rounds", type=int, default=1, help="of a full queue, for each (default 1)")
    parser.add_argument("--drain-jobs", type=int, default=100_000, help="in it, a multiple of 100 (default 100,000)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="peers: of tasks; again for more (all)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="peers: one; again for more")
    parser.add_argument("--sent", type=int, default=5000, help="latency: tasks that are sent at once (default 5,000)")
    parser.add_argument("--jobs", type=int, default=10_000_000, help="growth: in the largest table (10,000,000)")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="growth: more jobs, that wait (1,000,000)")
    parser.add_argument("--growth-rounds", type=int, default=20, help="growth: in each table (default 20)")
    parser.add_argument("--shared-buffers", metavar="SIZE", help="growth: of PostgreSQL, read full before (128MB, not)")
    return parser


Say = Callable[[str], None]


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
    wanted = throughput.Wanted(given.worker_rounds, given.seconds, tuple(given.kind or KINDS), frozenset(given.only))
    result = throughput.measure(ready, wanted, say)
    peer_plots.beside_peers(result, picture)
    return result, peer_report.beside_peers(result)


def _latency(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = latency.Wanted(given.worker_rounds, given.sent, given.seconds, tuple(given.only))
    result = latency.measure(ready, wanted, say)
    peer_plots.started(result, picture)
    return result, peer_report.started(result)


def _growth(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = growth.Wanted(given.jobs, given.waiting, given.growth_rounds)
    result = growth.measure(ready, wanted, say)
    growth_report.drawn(result, picture)
    return result, growth_report.grown(result)


def _sizes(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    wanted = sizes.Wanted(given.worker_rounds, given.seconds, 4_000, sizes.SHORT if given.short else sizes.POINTS)
    result = sizes.measure(Bench(ready.redis_url, ready.folder), wanted, say)
    sizes_report.drawn(result, picture)
    return result, sizes_report.grown(result)


def _startup(ready: Ground, given: argparse.Namespace, say: Say, picture: Path) -> tuple[Any, RenderableType]:
    result = startup.measure(ready, given.worker_rounds, say)
    plots.started(result, picture)
    return result, report.started(result)


_MEASURES = {
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
    "startup": _startup,
}


def _about(machine: Machine) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in asdict(machine).items():
        table.add_row(name.replace("_", " "), str(value))
    return table


if __name__ == "__main__":
    sys.exit(main())
