"""Where one Redis and one ledger end, as tables and as a picture."""

from pathlib import Path

from bench.ceiling import LATE, Growth, Result
from bench.costs import MS
from bench.plots import save
from bench.tables import titled
from matplotlib import pyplot
from rich.console import Group, RenderableType


def told(result: Result) -> RenderableType:
    """A table of each."""
    costs = result.costs
    loads = titled(
        f"one Redis, simulated: a push takes {costs.push:.0f} µs, a turn {costs.turn:.0f} and {costs.message:.0f} for"
        f" each message, a worker {costs.task:.0f} µs for a task",
        "who works",
        "tasks/s",
        "busy",
        "command waits p50 ms",
        "p99 ms",
        "task comes p50 ms",
        "p99 ms",
    )
    for name, growth in _all(result).items():
        for number, one in enumerate(growth.loads):
            times = (f"{seconds / MS:,.2f}" for seconds in (*one.command, *one.message))
            loads.add_row("" if number else name, f"{one.offered:,.0f}", f"{one.busy:.0%}", *times)
    ends = titled("where it ends", "who works", "tasks/s at most", "the median doubles at tasks/s")
    for name, growth in _all(result).items():
        ends.add_row(name, f"{growth.ceiling:,.0f}", f"{growth.doubles:,.0f}")
    bears = titled(
        f"what a queue bears of a neighbour on the same Redis: 99 of 100 commands wait {LATE / MS:g} ms at most",
        "characters of the neighbour's payload",
        "its messages/s",
        "of Redis' time",
    )
    for near in result.neighbours:
        bears.add_row(f"{near.characters:,}", f"{near.rate:,.0f}", f"{near.share:.1%}")
    keda = titled(
        "KEDA, computed", "queues", "KEDA looks each s", "questions/s", "of Redis' time", "connections", "objects"
    )
    for asked in result.asked:
        keda.add_row(
            f"{asked.queues:,}",
            f"{asked.poll}",
            f"{asked.questions:,.0f}",
            f"{asked.share:.1%}",
            f"{asked.connections:,}",
            f"{asked.objects:,}",
        )
    return Group(loads, ends, bears, keda)


def _all(result: Result) -> dict[str, Growth]:
    return result.redis | ({"the ledger, one statement at a time": result.ledger} if result.ledger else {})


def drawn(result: Result, path: Path) -> None:
    """Waits over the load."""
    _, (waits, busy) = pyplot.subplots(1, 2, figsize=(14, 5), sharex=True)
    for number, (name, growth) in enumerate(_all(result).items()):
        rates = [one.offered for one in growth.loads]
        for share, style in ((0, "-"), (1, ":")):
            label = name if share == 0 else None
            ms = [one.message[share] / MS for one in growth.loads]
            waits.plot(rates, ms, style, marker=".", color=f"C{number}", label=label)
        waits.axvline(growth.ceiling, color=f"C{number}", linewidth=0.8, alpha=0.5)
        busy.plot(rates, [one.busy for one in growth.loads], marker=".", color=f"C{number}", label=name)
    waits.set(title="until a worker has it: median, and 99 % dotted", ylabel="ms", yscale="log")
    busy.set(title="the server works", ylabel="share of the time", ylim=(0, 1.05))
    for axes in (waits, busy):
        axes.set(xlabel="tasks, or jobs, a second", xscale="log")
        axes.grid(alpha=0.3)
    busy.legend()
    save(path)
