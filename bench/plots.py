"""What was measured, as pictures."""

from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("Agg")

from bench import (
    accept,
    drain,
    large_import,
    mail_backlog,
    memory,
    startup,
    stock_search,
    waiting,
    worker_throughput,
)
from bench.report import MOST_IMPORT_MIB
from matplotlib import pyplot
from matplotlib.axes import Axes


def accepted(result: accept.Result, path: Path) -> None:
    """Rates by round, and how latencies are distributed."""
    _, (rates, crowd, lone) = pyplot.subplots(1, 3, figsize=(16, 5))
    for name, rounds in result.rounds.items():
        rates.plot(range(1, len(rounds) + 1), [one.rate for one in rounds], marker="o", label=name)
        shares(crowd, [ms for one in rounds for ms in one.ms], name)
        shares(lone, [ms for one in rounds for ms in one.lone_ms], name)
    rates.set(title=f"accepted, {accept.CONNECTIONS} connections", xlabel="round", ylabel="jobs/s", ylim=(0, None))
    rates.set_xticks(range(1, result.wanted.rounds + 1))
    crowd.set(title=f"latency, {accept.CONNECTIONS} connections", xlabel="ms", ylabel="share of requests")
    lone.set(title="latency of a lone request", xlabel="ms", ylabel="share of requests")
    rates.legend(loc="lower left", fontsize="small")
    save(path)


def remembered(result: memory.Result, path: Path) -> None:
    """Memory over time, and over requests."""
    _, (working, resting) = pyplot.subplots(1, 2, figsize=(14, 5), sharey=True)
    working.plot(result.working.seconds, result.working.mib, linewidth=1)
    working.set(title="the API at work", xlabel="s", ylabel="MiB PSS", ylim=(0, None))
    resting.plot(result.requests, result.resting, marker="o")
    resting.set(title="the API at rest", xlabel="requests so far")
    save(path)


def imported(result: large_import.Result, path: Path) -> None:
    """The worker's memory over time, and how long mails took."""
    _, (worker, mails) = pyplot.subplots(1, 2, figsize=(14, 5))
    worker.plot(result.memory.seconds, result.memory.mib)
    worker.axhline(MOST_IMPORT_MIB, color="grey", linestyle="--", linewidth=1)
    worker.set(title="dataset worker and its children", xlabel="s", ylabel="MiB PSS", ylim=(0, None))
    for name, took in (("nothing else to do", result.idle_ms), ("during the import", result.busy_ms)):
        shares(mails, took, name)
    mails.set(title="from a POST to the mail server", xlabel="ms", ylabel="share of mails")
    mails.legend()
    save(path)


def worked(result: worker_throughput.Result, path: Path) -> None:
    """Rates by round, CPU time, and memory."""
    _, (rates, cpu, memory_) = pyplot.subplots(1, 3, figsize=(16, 5))
    for name, runs in result.rounds.items():
        rates.plot(range(1, len(runs) + 1), [one.rate for one in runs], marker="o", label=name)
    rates.set(title="tasks that do nothing", xlabel="round", ylabel="tasks/s", ylim=(0, None))
    rates.set_xticks(range(1, result.wanted.rounds + 1))
    rates.legend()
    names = list(result.rounds)
    worker = [result.median(name, lambda one: one.worker_us) for name in names]
    server = [result.median(name, lambda one: one.redis_us) for name in names]
    cpu.bar(names, worker, label="worker")
    cpu.bar(names, server, bottom=worker, label="Redis")
    cpu.set(title="CPU time a task", ylabel="µs")
    cpu.legend()
    memory_.plot(result.memory.tasks, result.memory.mib, marker="o")
    memory_.set(title="Penstock's worker", xlabel="tasks so far", ylabel="MiB PSS", ylim=(0, None))
    save(path)


def searched(result: stock_search.Search, path: Path) -> None:
    """Rates of all sizes, a line for each prefetch multiplier."""
    _, axes = pyplot.subplots(figsize=(9, 5))
    sizes = [one for one in result.tried if one.stage == result.tried[0].stage]
    for prefetch in stock_search.PREFETCHES:
        line = [one for one in sizes if one.setup.prefetch == prefetch]
        concurrencies = [one.setup.concurrency for one in line]
        axes.plot(concurrencies, [one.rate for one in line], marker="o", label=f"prefetch {prefetch or '∞'}")
    axes.set(title="stock Celery, gevent", xlabel="concurrency", ylabel="tasks/s", xscale="log", ylim=(0, None))
    axes.legend()
    save(path)


def waited(result: waiting.Result, path: Path) -> None:
    """How long lone messages waited."""
    _, axes = pyplot.subplots(figsize=(9, 5))
    for name, one in result.waited.items():
        shares(axes, one.lone_ms, name)
    axes.set(title="a lone message, from push to start", xlabel="ms", ylabel="share of messages")
    axes.legend()
    save(path)


def mailed(result: mail_backlog.Result, path: Path) -> None:
    """How long each mail waited, by when it was posted; a triangle is one that had not come."""
    _, axes = pyplot.subplots(figsize=(10, 6))
    for number, (name, turns) in enumerate(result.turns.items()):
        for came, marker in ((True, "."), (False, "^")):
            points = [point for turn in turns for point in _points(turn, result.wanted.rate, came=came)]
            if points:
                posted, waited = zip(*points, strict=True)
                axes.scatter(posted, waited, s=12, marker=marker, color=f"C{number}", label=name)
    axes.set(title="a mail behind imports", xlabel="posted at, s", ylabel="seconds until it came", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    save(path)


def _points(turn: mail_backlog.Turn, rate: float, *, came: bool) -> list[tuple[float, float]]:
    seen = enumerate(zip(turn.waited, turn.missing, strict=True))
    return [(number / rate, waited) for number, (waited, is_missing) in seen if is_missing != came]


def drained(result: drain.Result, path: Path) -> None:
    """Jobs left over time; a line for each round."""
    _, axes = pyplot.subplots(figsize=(10, 6))
    for number, (name, turns) in enumerate(result.turns.items()):
        for turn in turns:
            total = [sum(left) for left in zip(*turn.left.values(), strict=True)]
            axes.plot(turn.seconds, total, color=f"C{number}", label=name if turn is turns[0] else None)
    axes.set(title="full queues are drained", xlabel="s", ylabel="jobs left", xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    save(path)


def shares(axes: Axes, values: list[float], name: str) -> None:
    """The share that is not above each value. The slowest hundredth would squeeze all others together."""
    shown = sorted(values)[: max(1, round(len(values) * 0.99))]
    axes.plot(shown, [(number + 1) / len(values) for number in range(len(shown))], label=name)
    if axes.get_xscale() == "linear":
        axes.set_xlim(left=0)
    axes.grid(alpha=0.3)


def save(path: Path) -> None:
    """What was drawn, as a PNG."""
    pyplot.tight_layout()
    pyplot.savefig(path, dpi=100)
    pyplot.close()


def started(result: startup.Result, path: Path) -> None:
    """CPU time until each process is ready, and its memory then."""
    names = list(result.started)[::-1]
    _, (cpu, mib) = pyplot.subplots(1, 2, figsize=(14, 5), sharey=True)
    cpu.barh(names, [median(result.started[name].cpu) for name in names])
    cpu.set(title="until it is ready", xlabel="s of CPU time")
    mib.barh(names, [median(result.started[name].pss_mib) for name in names])
    mib.set(title="then", xlabel="MiB PSS")
    save(path)
