"""Penstock beside its peers, as tables with units and ratios."""

import statistics
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from bench.peers import latency, throughput
from bench.peers.lineup import DRAMATIQ, PENSTOCK, PENSTOCK_LEDGER, PENSTOCK_PREFORK, STOCK, STOCK_RESULTS, sender_of
from bench.peers.throughput import Kind
from bench.peers.turn import Turn
from bench.peers.work import NOOP, SLEEP
from bench.report import WORKER_WANTED
from bench.tables import quantile, titled, verdict
from rich.console import Group, RenderableType
from rich.text import Text


@dataclass(frozen=True)
class Target:
    """With this kind of task `name`'s rate is to be `wanted` times the fastest of `others`, who are called `who`."""

    kind: str
    name: str
    others: tuple[str, ...]
    who: str
    wanted: float
    stretch: bool = False

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.wanted:g}{', the stretch' if self.stretch else ''}"

    def ratio(self, result: throughput.Result) -> float | None:
        """What it is; None where one of them was not measured."""
        got = result.kinds.get(self.kind)
        if got is None or not {self.name, *self.others} <= got.turns.keys():
            return None
        return _rate(got, [self.name]) / _rate(got, self.others)


WANTED = (
    Target(NOOP, PENSTOCK, STOCK, "the fastest stock Celery", WORKER_WANTED),
    Target(NOOP, PENSTOCK, STOCK, "the fastest stock Celery", 6.0, stretch=True),
    Target(NOOP, PENSTOCK, (DRAMATIQ,), DRAMATIQ, 1.1, stretch=True),
    Target(SLEEP, PENSTOCK, (STOCK[0],), STOCK[0], 4.0),
    Target(NOOP, PENSTOCK_LEDGER, STOCK_RESULTS, "the faster stock Celery with results in PostgreSQL", 3.0),
    Target(NOOP, PENSTOCK_PREFORK, (STOCK[-1],), STOCK[-1], 2.0),
)

SEND_WANTED = 2.0
"""Times the tasks a second that stock Celery's `.delay()` sends."""

START_WANTED = 1.5
"""Times the best median of anyone, at the most."""


def beside_peers(result: throughput.Result) -> RenderableType:
    """A table for each kind of task, Penstock first, and what is reached."""
    parts: list[RenderableType] = []
    for kind, got in result.kinds.items():
        table = titled(
            f"tasks: {kind}; rounds: {result.rounds}, of about {result.seconds:g} s; medians",
            "contestant",
            "tasks/s",
            "slowest – fastest",
            "Penstock beside it",
            "worker µs/task",
            "Redis µs/task",
            "commands/task",
            "PSS MiB",
        )
        for name in got.turns:
            table.add_row(name, *_figures(got, name))
        parts += [table, Text("\n".join(f"  {name}: {got.settings[name]}" for name in got.turns))]
    return Group(*parts, *(Text(line) for line in verdicts(result)))


def _figures(got: Kind, name: str) -> Iterator[str]:
    def median(figure: Callable[[Turn], float]) -> float:
        return got.median(name, figure)

    rates, ratio = [one.rate for one in got.turns[name]], got.ratio(name)
    yield f"{statistics.median(rates):,.0f}"
    yield f"{min(rates):,.0f} – {max(rates):,.0f}"
    yield "" if ratio is None else f"{ratio:.2f} ×"
    yield f"{median(lambda one: one.worker_us):,.0f}"
    yield f"{median(lambda one: one.redis_us):,.0f}"
    yield f"{median(lambda one: sum(one.commands.values())):.2f}"
    yield f"{median(lambda one: one.mib):.1f}"


def verdicts(result: throughput.Result) -> list[str]:
    """What of `WANTED` is reached; nothing of what was not measured."""
    return [
        f"{one.kind}: {one.name}, {ratio:.2f} × {one.who} ({verdict(ratio >= one.wanted)} {one.text})"
        for one in WANTED
        if (ratio := one.ratio(result)) is not None
    ]


def _rate(got: Kind, names: Collection[str]) -> float:
    return max(got.median(name, lambda one: one.rate) for name in names)


def started(result: latency.Result) -> RenderableType:
    """How fast each sends, and how long its tasks wait until they start."""
    sent = titled(
        f"one process sends {result.wanted.tasks:,} tasks; rounds: {result.wanted.rounds}; medians",
        "sender",
        "tasks/s",
        "slowest – fastest",
        "sender µs/task",
        "Redis µs/task",
        "beside `.delay()`",
    )
    stock = result.senders.get("Celery")
    for name, one in result.senders.items():
        ratio = one.rate / stock.rate if stock else None
        sent.add_row(
            name,
            f"{one.rate:,.0f}",
            f"{min(one.rates):,.0f} – {max(one.rates):,.0f}",
            f"{statistics.median(one.cpu_us):,.0f}",
            f"{statistics.median(one.redis_us):,.0f}" if one.redis_us else "",
            "" if ratio is None else f"{ratio:.2f} ×",
        )
    waits = titled(
        f"from being sent until started; low: {latency.LOW:g} tasks/s, half: half of what it can;"
        f" {result.wanted.seconds:g} s each, rounds: {result.wanted.rounds}",
        "contestant",
        "low p50 ms",
        "p99 ms",
        "half tasks/s",
        "half p50 ms",
        "p99 ms",
    )
    for name, wait in result.waits.items():
        low, half = ([f"{quantile(ms, share):.2f}" for share in (0.5, 0.99)] for ms in (wait.low, wait.half))
        waits.add_row(name, *low, f"{wait.half_rate:,.0f}", *half)
    return Group(sent, waits, *(Text(line) for line in start_verdicts(result)))


def start_verdicts(result: latency.Result) -> list[str]:
    """What is reached of sending, and of starting at low load."""
    told = []
    if (ratio := send_ratio(result)) is not None:
        told.append(f"sends {ratio:.2f} × stock's `.delay()` ({verdict(ratio >= SEND_WANTED)} {SEND_WANTED:g})")
    if medians := start_medians(result):
        to_stock, to_best = (medians[PENSTOCK] / ms for ms in (medians[STOCK[0]], min(medians.values())))
        told.append(
            f"starts after {to_stock:.2f} × stock's median ({verdict(to_stock < 1)} less than 1), {to_best:.2f} × the"
            f" best one's ({verdict(to_best <= START_WANTED)} {START_WANTED:g})"
        )
    return told


def send_ratio(result: latency.Result) -> float | None:
    """Penstock's rate of `.delay()` to stock's; None where one of them was not measured."""
    ours, stock = (result.senders.get(sender_of(name)) for name in (PENSTOCK, STOCK[0]))
    return ours.rate / stock.rate if ours and stock else None


def start_medians(result: latency.Result) -> dict[str, float]:
    """Each one's median milliseconds at low load; none where Penstock or stock was not measured."""
    medians = {name: quantile(one.low, 0.5) for name, one in result.waits.items()}
    return medians if {PENSTOCK, STOCK[0]} <= medians.keys() else {}
