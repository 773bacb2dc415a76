"""How the cost of a message grows, as tables and as a picture."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.plots import save
from bench.sizes import WORKERS, Cost, Result
from bench.tables import titled
from bench.worker_run import Run
from matplotlib import pyplot
from rich.console import Group, RenderableType
from rich.table import Table

FIGURES: dict[str, Callable[[Run], float]] = {
    "tasks/s": lambda one: one.rate,
    "worker µs/task": lambda one: one.worker_us,
    "Redis µs/task": lambda one: one.redis_us,
    "commands/task": lambda one: sum(one.executed.values()),
}


def grown(result: Result) -> RenderableType:
    """A table for each thing that grows, a line for each size and contestant."""
    return Group(*(_table(result, grows) for grows in result.costs))


def _table(result: Result, grows: str) -> Table:
    idle = ("idle: commands/s", "Redis ms/s") if grows == WORKERS else ()
    table = titled(f"{grows}; {result.wanted.rounds} rounds; medians", "contestant", grows, *FIGURES, *idle)
    for name, by_size in result.costs[grows].items():
        for size, cost in by_size.items():
            resting = [median(cost.idle_commands), median(cost.idle_ms)] if idle else []
            figures = [_of(cost, figure) for figure in FIGURES.values()] + resting
            table.add_row(name, f"{size:,}", *(f"{value:,.0f}" if value >= 10 else f"{value:.2f}" for value in figures))
    return table


def _of(cost: Cost, figure: Callable[[Run], float]) -> float:
    return median(figure(one) for one in cost.runs)


def drawn(result: Result, path: Path) -> None:
    """Redis's time for a task over each size."""
    _, places = pyplot.subplots(1, len(result.costs), figsize=(6 * len(result.costs), 5), squeeze=False)
    for axes, (grows, by_name) in zip(places[0], result.costs.items(), strict=True):
        for name, by_size in by_name.items():
            axes.plot(
                list(by_size), [_of(cost, FIGURES["Redis µs/task"]) for cost in by_size.values()], "o-", label=name
            )
        axes.set(xlabel=grows, ylabel="Redis, µs a task", xscale="log", yscale="log")
        axes.grid(alpha=0.3)
    places[0][0].legend()
    save(path)
