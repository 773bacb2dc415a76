"""What many tenants cost, as a table and as a picture."""

from pathlib import Path

from bench.plots import save
from bench.tables import titled
from bench.tenants import Result
from matplotlib import pyplot
from rich.console import RenderableType


def spread(result: Result) -> RenderableType:
    """A line for each operation: what it takes with the fewest tenants, and how many times as long with more."""
    first, *others = result.wanted.tenants
    table = titled(
        f"{result.wanted.jobs:,} jobs spread over tenants, in turns: {result.wanted.rounds} rounds; medians",
        "",
        f"ms, tenants: {first:,}",
        *(f"{tenants:,}" for tenants in others),
    )
    for operation in result.ms[first]:
        ratios = (f"{result.ratio(operation, tenants):.2f} ×" for tenants in others)
        table.add_row(operation, f"{result.median(operation, first):.2f}", *ratios)
    return table


def drawn(result: Result, path: Path) -> None:
    """How many times as long each operation takes over the number of tenants."""
    _, axes = pyplot.subplots(figsize=(9, 5))
    tenants = result.wanted.tenants
    for operation in result.ms[tenants[0]]:
        axes.plot(tenants, [result.ratio(operation, count) for count in tenants], "o-", label=operation)
    axes.set(title="the same jobs", xlabel="tenants", ylabel=f"times as long as with {tenants[0]}", xscale="log")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    save(path)
