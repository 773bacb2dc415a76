"""What was run and what was not, as tables."""

from collections.abc import Sequence

from compat.peers import Exchanged
from compat.suites import Outcome
from rich.console import Console
from rich.table import Table

COLUMNS = ("run", "passed", "failed", "expected to fail", "skipped", "run again", "excluded")


def show(outcomes: Sequence[Outcome], console: Console, transport: str) -> None:
    """Print the counts of each suite and of all, what was excluded for, and the failures by name."""
    table = Table(title=f"their tests on {transport}", title_justify="left")
    table.add_column("suite")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    rows = [counted(outcome) for outcome in outcomes]
    for outcome, row in zip(outcomes, rows, strict=True):
        table.add_row(outcome.suite if outcome.whole else f"{outcome.suite} (not whole)", *map(str, row))
    table.add_section()
    table.add_row("all", *(str(sum(column)) for column in zip(*rows, strict=True)))
    console.print(table)
    for outcome in outcomes:
        for touches, count in sorted(outcome.excluded.items(), key=lambda pair: -pair[1]):
            console.print(
                f"{outcome.suite}: {count} excluded: {touches}", markup=False, highlight=False, soft_wrap=True
            )
    for outcome in outcomes:
        for failure in outcome.failures:
            console.print(f"FAILED {outcome.suite}: {failure}", markup=False, highlight=False, soft_wrap=True)


def counted(outcome: Outcome) -> tuple[int, ...]:
    """One row, in the order of COLUMNS."""
    passed, failed, expected, skipped, again, excluded = (
        outcome.counts.get(name, 0) for name in ("passed", "failed", "xfailed", "skipped", "rerun", "excluded")
    )
    return passed + failed + expected, passed, failed, expected, skipped, again, excluded


def show_peers(exchanges: Sequence[Exchanged], console: Console) -> None:
    """Print what became of the tasks in each direction with each version."""
    table = Table(title="stock Celery and ours on one queue", title_justify="left")
    table.add_column("Celery")
    table.add_column("direction")
    for column in ("sent", "run once", "run again", "left", "ping answered"):
        table.add_column(column, justify="right")
    version = exchanges[0].version
    for one in exchanges:
        if one.version != version:
            table.add_section()
            version = one.version
        row = (one.version, one.direction, *map(str, (one.sent, one.once, one.more, one.left)), one.answered)
        table.add_row(*row, style=None if one.good else "red")
    console.print(table)
