"""What was measured, as tables with units and ratios."""

import statistics
from collections.abc import Callable

from bench import accept, large_import, memory, startup, stock_search, waiting, worker_throughput
from bench.accept import CONNECTIONS, Round
from bench.tables import quantile, titled, verdict
from bench.worker_throughput import CELERY, PENSTOCK
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

RATE_WANTED, RATE_STRETCH = 1.2, 1.5
"""Times the peer's rate."""

MOST_IMPORT_MIB = 300

WORKER_WANTED = 5.0
"""Times the tasks a second of the fastest stock settings."""

MOST_COMMANDS = 2.2
"""Of Redis for one task, those that scripts call too."""

MOST_IDLE, MOST_LONE_MS = 1.2, 5.0
"""Commands a second of an idle worker; median milliseconds until a lone message starts."""


def accepted(result: accept.Result) -> RenderableType:
    """A line for each contestant, and what Penstock is beside each of them."""
    wanted = result.wanted
    table = titled(
        f"jobs accepted over {CONNECTIONS} connections: {wanted.rounds} rounds of {wanted.seconds:g} s,"
        f" gunicorn workers: {wanted.workers}; medians of the rounds",
        "contestant",
        "jobs/s",
        "slowest – fastest",
        "p50 ms",
        "p99 ms",
        "lone ms",
        "in turn ms",
        *(f"{part} µs/job" for part in result.parts),
        "sender's core",
    )
    for name in result.rounds:
        rates = result.of(name, lambda one: one.rate)
        table.add_row(
            name,
            f"{statistics.median(rates):,.0f}",
            f"{min(rates):,.0f} – {max(rates):,.0f}",
            *(f"{result.median(name, figure):.2f}" for figure in (_p50, _p99, _lone, _in_turn)),
            *(f"{result.median(name, _cpu(part)):,.0f}" for part in result.parts),
            f"{result.median(name, lambda one: one.sender_busy):.0%}",
        )
    return Group(table, _ratios(result))


def _ratios(result: accept.Result) -> Table:
    first, *peers = result.rounds
    table = titled(f"{first} beside each peer", "peer", "rate", "lone latency", "latency in turn")
    for peer in peers:
        rate, lone, in_turn = (
            result.median(first, figure) / result.median(peer, figure) for figure in (_rate, _lone, _in_turn)
        )
        reached = "the stretch" if rate >= RATE_STRETCH else "the target" if rate >= RATE_WANTED else "below the target"
        table.add_row(peer, f"{rate:.2f} × ({reached})", f"{lone:.2f} ×", f"{in_turn:.2f} ×")
    return table


def remembered(result: memory.Result) -> RenderableType:
    """What the API took after each tenth of the requests."""
    table = titled(
        f"the API's memory (PSS of gunicorn and {result.workers} workers) over {result.requests[-1]:,} requests,"
        f" {result.requests[-1] / result.seconds:,.0f} a second",
        "requests",
        "MiB at rest",
        "",
    )
    highest = max(result.resting)
    step = max(1, len(result.requests) // 10)
    for count, mib in list(zip(result.requests, result.resting, strict=True))[step - 1 :: step]:
        table.add_row(f"{count:,}", f"{mib:.1f}", "█" * round(40 * mib / highest), style="")
    told = (
        f"highest while it worked: {result.working.peak:.1f} MiB; at rest {result.growth:+.1f} MiB"
        " between the first tenth and the end"
    )
    return Group(table, Text(told))


def imported(result: large_import.Result) -> RenderableType:
    """The worker's memory, and the mails'."""
    table = titled(f"a CSV of {result.rows:,} rows ({result.file_mib} MiB), imported in {result.seconds:.0f} s")
    table.add_column("of the dataset worker and its children")
    table.add_column("MiB PSS", justify="right")
    table.add_row("before the file", f"{result.resting_mib:.1f}")
    reached = "within" if result.memory.peak <= MOST_IMPORT_MIB else "above"
    table.add_row("highest during the import", f"{result.memory.peak:.1f} ({reached} {MOST_IMPORT_MIB})")
    mails = titled("from a registration's POST until the mail server has its mail", "", "mails", "p50 ms", "p95 ms")
    for name, took in (("nothing else to do", result.idle_ms), ("during the import", result.busy_ms)):
        mails.add_row(name, f"{len(took)}", f"{quantile(took, 0.5):.1f}", f"{quantile(took, 0.95):.1f}")
    ratio = quantile(result.busy_ms, 0.5) / quantile(result.idle_ms, 0.5)
    return Group(table, mails, Text(f"the median mail takes {ratio:.2f} × as long during the import"))


def worked(result: worker_throughput.Result) -> RenderableType:
    """A line for each contestant, the ratio, and Penstock's memory."""
    table = titled(
        f"tasks that do nothing, one saturated gevent worker: {result.wanted.rounds} rounds of about"
        f" {result.wanted.seconds:g} s; medians",
        "contestant",
        "-c",
        "prefetch",
        "tasks/s",
        "slowest – fastest",
        "worker µs/task",
        "Redis µs/task",
        "sent/task",
        "executed/task",
    )
    for name, runs in result.rounds.items():
        rates = [one.rate for one in runs]
        setup, watched = result.setups[name], result.watched[name]
        table.add_row(
            name,
            f"{setup.concurrency}",
            f"{setup.prefetch or '∞'}",
            f"{result.median(name, lambda one: one.rate):,.0f}",
            f"{min(rates):,.0f} – {max(rates):,.0f}",
            f"{result.median(name, lambda one: one.worker_us):,.0f}",
            f"{result.median(name, lambda one: one.redis_us):,.0f}",
            f"{sum(watched.sent.values()):.2f}",
            f"{result.median(name, lambda one: sum(one.executed.values())):.2f}",
        )
    ratio, memory = result.ratio, result.memory
    # Those executed are at least as many as those sent, which only the watched run knows.
    commands = result.median(worker_throughput.PENSTOCK, lambda one: sum(one.executed.values()))
    told = (
        f"{ratio:.2f} × the fastest stock settings ({verdict(ratio >= WORKER_WANTED)} {WORKER_WANTED:g});"
        f" {commands:.2f} commands a task ({verdict(commands <= MOST_COMMANDS)} {MOST_COMMANDS:g})\n"
        f"memory: {memory.mib[0]:.1f} MiB after {memory.tasks[0]:,} tasks, {memory.mib[-1]:.1f} MiB after"
        f" {memory.tasks[-1]:,} ({memory.growth:+.1f}), at most {max(memory.mib):.1f}"
    )
    return Group(table, Text(told))


def searched(result: stock_search.Search) -> RenderableType:
    """A table for each stage, the fastest first."""
    tables = []
    for stage in dict.fromkeys(one.stage for one in result.tried):
        table = titled(stage, "setting", "tasks/s", "slowest – fastest", "worker µs/task", "commands/task")
        for one in sorted((one for one in result.tried if one.stage == stage), key=lambda one: -one.rate):
            table.add_row(
                one.name,
                f"{one.rate:,.0f}",
                f"{min(one.rates):,.0f} – {max(one.rates):,.0f}",
                f"{statistics.median(one.worker_us):,.0f}",
                f"{statistics.median(one.commands):.2f}",
            )
        tables.append(table)
    return Group(*tables, Text(f"the fastest: {result.fastest.text}"))


def waited(result: waiting.Result) -> RenderableType:
    """What waiting costs, and how long a message waits."""
    wanted = result.wanted
    costs = titled(
        f"one worker, idle for {wanted.seconds:g} s",
        "contestant",
        *next(iter(result.waited.values())).idle.costs,
    )
    alone = titled(
        f"the same worker, {wanted.messages} lone messages, from push to start", "contestant", "median ms", "p99 ms", ""
    )
    crowd = titled(
        f"{wanted.consumers} consumers of one queue, {wanted.pushes} pushes",
        "contestant",
        "commands/push sent",
        "executed/push",
        "wake-ups/push",
        "idle commands/s, all",
    )
    for name, one in result.waited.items():
        costs.add_row(name, *(f"{figure:.2f}" for figure in one.idle.costs.values()))
        sent, p50 = one.idle.costs["commands/s sent"], quantile(one.lone_ms, 0.5)
        alone.add_row(
            name,
            f"{p50:.2f}",
            f"{quantile(one.lone_ms, 0.99):.2f}",
            f"{verdict(sent <= MOST_IDLE)} {MOST_IDLE:g}/s, {verdict(p50 <= MOST_LONE_MS)} {MOST_LONE_MS:g} ms",
        )
        figures = (one.crowd.sent, one.crowd.executed, one.crowd.woken, one.crowd.idle)
        crowd.add_row(name, *(f"{figure:.1f}" for figure in figures))
    costs.add_row(PENSTOCK, *beside_stock(result))
    if result.by_celery is not None:
        costs.add_row(waiting.BY_CELERY, *(f"{figure:.2f}" for figure in result.by_celery.costs.values()))
    return Group(costs, alone, crowd)


def beside_stock(result: waiting.Result) -> list[str]:
    """For each of an idle worker's costs, whether Penstock's is at or below stock's."""
    ours, stock = (result.waited[name].idle.costs for name in (PENSTOCK, CELERY))
    return ["above stock's" if ours[name] > stock[name] else "at or below" for name in ours]


def _rate(one: Round) -> float:
    return one.rate


def _p50(one: Round) -> float:
    return quantile(one.ms, 0.5)


def _p99(one: Round) -> float:
    return quantile(one.ms, 0.99)


def _lone(one: Round) -> float:
    return quantile(one.lone_ms, 0.5)


def _in_turn(one: Round) -> float:
    return quantile(one.in_turn_ms, 0.5)


def _cpu(part: str) -> Callable[[Round], float]:
    return lambda one: one.cpu[part]


def started(result: startup.Result) -> RenderableType:
    """A line for each process: until it is ready, and what its imports are of that."""
    table = titled(
        f"from a command to a ready process, one at a time: {result.rounds} rounds; medians",
        "process",
        "ready after s",
        "CPU s",
        "PSS MiB",
        "USS MiB",
        "imports s",
        "of them, ms",
    )
    for name, one in result.started.items():
        heaviest = list(one.imports.items())[: startup.HEAVIEST]
        table.add_row(
            name,
            f"{statistics.median(one.seconds):.2f}",
            f"{statistics.median(one.cpu):.2f}",
            f"{statistics.median(one.pss_mib):.1f}",
            f"{statistics.median(one.own_mib):.1f}",
            f"{sum(one.imports.values()) / 1000:.2f}",
            ", ".join(f"{package} {ms:.0f}" for package, ms in heaviest),
        )
    return table
