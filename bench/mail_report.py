"""Mails behind a backlog, as a table."""

from bench.mail_backlog import Result
from bench.tables import titled, verdict
from bench.whole_suite import SPLIT
from rich.console import Group, RenderableType
from rich.text import Text

WANTED = 100.0
"""Times as long a median mail shall wait for a shared worker as for its own."""


def mailed(result: Result) -> RenderableType:
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
            _shown(result, name, result.median(name, 0.5)),
            f"{min(medians):.3f} – {max(medians):.3f}",
            _shown(result, name, result.median(name, 0.99)),
            _shown(result, name, max(max(turn.waited) for turn in turns)),
            " ".join(f"{turn.imports}" for turn in turns),
        )
    told = [
        f"{name}: the median mail waits {_bound(result, name)}{result.ratio(name):,.0f} × as long as with a worker for"
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


def _bound(result: Result, name: str) -> str:
    return "≥ " if result.is_bound(name, result.median(name, 0.5)) else ""


def _shown(result: Result, name: str, seconds: float) -> str:
    return f"{'≥ ' if result.is_bound(name, seconds) else ''}{seconds:.3f}"
