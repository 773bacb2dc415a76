"""What was measured of cold starts, as tables and as a picture."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.coldstart.phases import PHASES, Cold
from bench.coldstart.place import COOLDOWN
from bench.coldstart.rounds import WARM, Result
from bench.plots import save
from bench.tables import titled
from matplotlib import pyplot
from matplotlib.axes import Axes
from rich.console import Group, RenderableType
from rich.text import Text


def started(result: Result) -> RenderableType:
    """A line for each phase, and those from the sending on; then a line for a worker that is there."""
    names, wanted = list(result.cold), result.wanted
    cold = titled(
        f"a job from no pod on, in seconds: rounds of each: {wanted.rounds}; Kubernetes {result.kubernetes}, KEDA"
        f" {result.keda}, which looks every {wanted.polling} s",
        "",
        *(column for name in names for column in (f"{name}, median", "lowest – highest")),
    )
    for number, phase in enumerate(PHASES):
        cold.add_row(phase, *_cells([result.of(name, _phase(number)) for name in names]))
    cold.add_section()
    for what, figure in FROM_THE_START.items():
        cold.add_row(what, *_cells([result.of(name, figure) for name in names]))
    warm = titled("a job while a pod is there: medians in milliseconds", "", "jobs", "answered", "started", "ended")
    for name in names:
        figures = (
            result.warmed(name, lambda one: one.accepted),
            result.warmed(name, lambda one: one.started),
            result.warmed(name, lambda one: one.finished),
        )
        warm.add_row(name, f"{len(result.warm[name])}", *(f"{1000 * seconds:.1f}" for seconds in figures))
    told = (
        f"KEDA takes the pod away after {COOLDOWN} s without a job, so that rounds are quick; the chart's own is 300 s."
        f" Rounds are spread over KEDA's interval. {WARM} warm jobs follow each cold one"
    )
    return Group(cold, warm, Text(told))


FROM_THE_START: dict[str, Callable[[Cold], float]] = {
    "sent until answered": lambda one: one.accepted,
    "sent until the job starts": lambda one: one.started,
    "sent until the job ends": lambda one: one.finished,
    "sent until the pod is Ready": lambda one: one.ready,
}


def _phase(number: int) -> Callable[[Cold], float]:
    return lambda one: one.phases[number]


def _cells(figures: Sequence[Sequence[float]]) -> list[str]:
    """Of each list, its median and its range."""
    return [
        cell for each in figures for cell in (f"{statistics.median(each):.2f}", f"{min(each):.2f} – {max(each):.2f}")
    ]


def drawn(result: Result, path: Path) -> None:
    """A bar for each round, of its phases; the last bar of each contestant is the median of its warm jobs."""
    _, axes = pyplot.subplots(figsize=(12, 1.5 + 0.4 * sum(len(rounds) + 1 for rounds in result.cold.values())))
    labels: list[str] = []
    for name, rounds in result.cold.items():
        for turn, one in enumerate(rounds):
            _bar(axes, len(labels), one, legend=not labels)
            labels.append(f"{name}, round {turn + 1}")
        warm = result.warmed(name, lambda one: one.finished)
        axes.barh(len(labels), warm, color=f"C{len(PHASES) - 1}")
        axes.text(warm, len(labels), f"  {1000 * warm:.0f} ms until it ends", va="center", fontsize="small")
        labels.append(f"{name}, warm")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set(
        title=f"a job from no pod on, KEDA looks every {result.wanted.polling} s; ◆ the pod is Ready",
        xlabel="s since it was sent",
        xlim=(0, None),
    )
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.1), ncols=len(PHASES), fontsize="small", frameon=False)
    save(path)


def _bar(axes: Axes, row: int, one: Cold, *, legend: bool) -> None:
    left = 0.0
    for number, (phase, seconds) in enumerate(zip(PHASES, one.phases, strict=True)):
        axes.barh(row, seconds, left=left, color=f"C{number}", label=phase if legend else None)
        left += seconds
    axes.plot(one.ready, row, marker="D", color="black", markersize=5)
