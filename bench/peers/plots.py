"""Penstock beside its peers, as pictures."""

from pathlib import Path

from bench.peers import latency, throughput
from bench.plots import save, shares
from bench.tables import quantile
from matplotlib import pyplot
from matplotlib.ticker import LogLocator


def beside_peers(result: throughput.Result, path: Path) -> None:
    """The median rate of each contestant, with the slowest and the fastest round, for each kind of task."""
    _, all_axes = pyplot.subplots(1, len(result.kinds), figsize=(8 * len(result.kinds), 6), squeeze=False)
    for axes, (kind, got) in zip(all_axes[0], result.kinds.items(), strict=True):
        names = list(got.turns)[::-1]
        rates = [got.median(name, lambda one: one.rate) for name in names]
        lowest = [rate - min(one.rate for one in got.turns[name]) for name, rate in zip(names, rates, strict=True)]
        highest = [max(one.rate for one in got.turns[name]) - rate for name, rate in zip(names, rates, strict=True)]
        bars = axes.barh(names, rates, xerr=[lowest, highest], color=_colors(names))
        axes.bar_label(bars, [f" {rate:,.0f}" for rate in rates])
        furthest = max(rate + more for rate, more in zip(rates, highest, strict=True))
        axes.set(title=f"tasks: {kind}", xlabel="tasks/s", xlim=(0, 1.15 * furthest))
    save(path)


def started(result: latency.Result, path: Path) -> None:
    """How fast each sends, and how its tasks' waits are distributed."""
    _, (sent, low, half) = pyplot.subplots(1, 3, figsize=(24, 6))
    names = list(result.senders)[::-1]
    rates = [result.senders[name].rate for name in names]
    bars = sent.barh(names, rates, color=_colors(names))
    sent.bar_label(bars, [f" {rate:,.0f}" for rate in rates])
    sent.set(title="sent by one process", xlabel="tasks/s", xlim=(0, 1.15 * max(rates)))
    for axes, load in ((low, f"{latency.LOW:g} tasks/s"), (half, "half of what each can")):
        axes.set(title=f"from sent to started, {load}", xlabel="ms", ylabel="share of tasks", xscale="log")
        axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        for place in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            place("{x:g}")
    for name, one in sorted(result.waits.items(), key=lambda item: quantile(item[1].low, 0.5)):
        shares(low, one.low, name)
        shares(half, one.half, f"{name}, {one.half_rate:,.0f}/s")
    for axes in (low, half):
        axes.legend(fontsize="small")
    save(path)


def _colors(names: list[str]) -> list[str]:
    return ["tab:orange" if name.startswith("Penstock") else "tab:blue" for name in names]
