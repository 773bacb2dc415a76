"""What many jobs in the ledger cost, as tables and as a picture."""

from pathlib import Path
from statistics import median

from bench.growth import SMALLEST, Result
from bench.plots import save
from bench.tables import quantile, titled, verdict
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator
from rich.console import Group, RenderableType
from rich.text import Text

MOST = 1.5
"""Times as long as in the smallest table that anything may take in a larger one."""

ROWS, WAITING = 10_000_000, 1_000_000
"""Jobs in the largest table for which that is wanted, and those that wait besides."""

CLAIM, RELAY, PAGES = "claims", "the relay", "GET /v1/jobs"
SUBJECTS = (CLAIM, RELAY, PAGES)
"""Those for which it is."""


def subject(operation: str) -> str:
    """Which of these an operation is of, by its name; nothing for the others."""
    if ": " in operation:
        return PAGES
    if operation.startswith("claim"):
        return CLAIM
    return RELAY if operation.endswith((" due", " as queued")) or operation.startswith("the relay's") else ""


def grown(result: Result) -> RenderableType:
    """A line for each operation: what it takes, and how many times as long as in the smallest table."""
    last = result.tables[-1]
    table = titled(
        f"beside a table of {SMALLEST:,} jobs, in turns with it: {result.wanted.rounds} rounds; medians",
        "",
        f"ms with {SMALLEST:,}",
        *(one.name for one in result.tables),
        "ms in the last",
        "p99 ms",
        "times",
        f"{MOST:g} ×",
    )
    table.columns[0].no_wrap = True
    for name in result.operations:
        table.add_row(
            name,
            _ms(median(last.smallest_ms[name])),
            *(f"{one.ratio(name):.2f} ×" for one in result.tables),
            _ms(median(last.ms[name])),
            _ms(quantile(last.ms[name], 0.99)),
            f"{len(last.ms[name])}",
            verdict(result.worst(name) <= MOST),
        )
    late = [name for name in result.operations if result.worst(name) > MOST]
    return Group(table, Text(f"{len(result.operations) - len(late)} of {len(result.operations)} within {MOST:g} ×"))


def _ms(ms: float) -> str:
    return f"{ms:,.2f}"


def drawn(result: Result, path: Path) -> None:
    """How many times as long each operation takes over the number of jobs; those of the API in a picture beside."""
    _, (ledger, pages) = pyplot.subplots(1, 2, figsize=(20, 8), sharey=True)
    for name in result.operations:
        _line(pages if subject(name) == PAGES else ledger, result, name)
    for axes, title in ((ledger, "the ledger"), (pages, PAGES)):
        axes.axhline(MOST, color="grey", linestyle="--", linewidth=1)
        axes.set(title=title, xlabel="jobs", ylabel=f"times as long as with {SMALLEST:,}", xscale="log", yscale="log")
        axes.yaxis.set_minor_locator(LogLocator(subs=(1.2, 1.5, 2, 3, 5, 8, 9)))
        for place in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            place("{x:g}")
        axes.legend(fontsize="x-small", loc="upper left")
        axes.grid(alpha=0.3)
    save(path)


def _line(axes: Axes, result: Result, name: str) -> None:
    jobs = [SMALLEST, *(one.rows + one.waiting for one in result.tables)]
    ratios = [1.0, *(one.ratio(name) for one in result.tables)]
    axes.plot(jobs, ratios, marker="o", linestyle="-" if result.worst(name) > MOST else ":", label=name)
