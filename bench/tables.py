"""What the tables have in common."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table


def titled(title: str, *columns: str) -> Table:
    """A table without rows: the first column has names, the others numbers."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, min_width=len(title) + 2)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def verdict(reached: bool) -> str:
    """On a target."""
    return "reaches" if reached else "misses"


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies. Not a number where there are no values."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")
