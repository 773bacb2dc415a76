"""What was measured of the whole suite, as tables."""

from bench import drain, mail_backlog
from bench.tables import titled, verdict
from bench.whole_suite import SHARED, SPLIT
from rich.console import Group, RenderableType
from rich.text import Text

WANTED = 100.0
"""Times as long a median mail shall wait for a shared worker as for its own."""


def mailed(result: mail_backlog.Result) -> RenderableType:
    """A line for each contestant, and how many times as long the others' median mail waits."""
    wanted = result.wanted
    table = titled(
        f"{wanted.rate:g} mails a second for {wanted.seconds:g} s behind {wanted.imports} imports of"
        f" {wanted.rows:,} rows: seconds from a POST until the mail server has the mail whole;"
        f" rounds: {wanted.rounds}, medians",
        "contestant",
        "mails",
        "not yet there",
        "p50 s",
        "lowest – highest",
        "p99 s",
        "longest s",
        "imports done meanwhile",
    )
    for name, turns in result.turns.items():
        medians = [turn.quantile(0.5) for turn in turns]
        table.add_row(
            name,
            f"{sum(len(turn.waited) for turn in turns)}",
            f"{sum(sum(turn.missing) for turn in turns)}",
            shown(result, name, result.median(name, 0.5)),
            f"{min(medians):.3f} – {max(medians):.3f}",
            shown(result, name, result.median(name, 0.99)),
            shown(result, name, max(max(turn.waited) for turn in turns)),
            " ".join(f"{turn.imports}" for turn in turns),
        )
    told = [
        f"{name}: the median mail waits {bound(result, name)}{result.ratio(name):,.0f} × as long as with a worker for"
        f" each queue ({verdict(result.ratio(name) >= WANTED)} {WANTED:g} ×)"
        for name in result.turns
        if name != SPLIT
    ]
    if any(any(turn.missing) for turns in result.turns.values() for turn in turns):
        told.append(
            f"not yet there: {wanted.patience:g} s after the last POST. Such a mail counts as having waited until then,"
            " so what is told with ≥ is a lower bound"
        )
    return Group(table, Text("\n".join(told)))


def bound(result: mail_backlog.Result, name: str) -> str:
    """A sign before a ratio that is a lower bound."""
    return "≥ " if result.is_bound(name, result.median(name, 0.5)) else ""


def shown(result: mail_backlog.Result, name: str, seconds: float) -> str:
    """A quantile, with a sign before it where it is a lower bound."""
    return f"{'≥ ' if result.is_bound(name, seconds) else ''}{seconds:.3f}"


def drained(result: drain.Result) -> RenderableType:
    """A line for each contestant, and the ratio."""
    kinds = ", ".join(f"{count} % {task}" for task, count in drain.OF_A_HUNDRED.items())
    table = titled(
        f"{result.wanted.jobs:,} jobs ({kinds}) drained from full queues; rounds: {result.wanted.rounds}, medians",
        "contestant",
        "seconds",
        "fastest – slowest",
        "jobs/s",
        *(f"{queue.name} empty after s" for queue in drain.FILLED),
        "mail server's core",
    )
    for name, turns in result.turns.items():
        took = result.median(name, lambda one: one.took)
        table.add_row(
            name,
            f"{took:,.1f}",
            f"{min(turn.took for turn in turns):,.1f} – {max(turn.took for turn in turns):,.1f}",
            f"{result.wanted.jobs / took:,.0f}",
            *(f"{result.median(name, drain.until_empty(queue)):,.1f}" for queue in drain.FILLED),
            f"{result.median(name, lambda one: one.own_cpu / one.took):.0%}",
        )
    ratio = result.median(SHARED, lambda one: one.took) / result.median(SPLIT, lambda one: one.took)
    return Group(table, Text(f"the single worker takes {ratio:.2f} × as long as a worker for each queue"))
