"""What a command of Redis' and a statement of the ledger's take, from the newest results that are kept."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import kept
from bench.one_server import Queue
from bench.peers.lineup import PENSTOCK, PENSTOCK_PREFORK, Sizes, sender_of
from bench.peers.work import NOOP
from bench.sizes import PAYLOAD
from bench.worker_throughput import PENSTOCK as OURS

US, MS = 1e-6, 1e-3

STATEMENTS = {
    "accept": ("accept one", "accept 100", 100),
    "claim": ("claim", "claim 25", 25),
    "finish": ("finish", "finish 25", 25),
}
"""A job's, as `growth` has them: for one job, for many, and how many."""


@dataclass
class Costs:
    """Redis' µs for a push, and for each character of its payload; for a turn of a worker, and for each message in it,
    small or by characters of `payloads`; a gevent worker's µs for a task that does nothing. statements: the ledger's ms
    for one job, for many, and how many.

    These are those of docs/performance.md, of 1 December 2026.
    """

    push: float = 56.0
    push_character: float = 0.0016
    turn: float = 95.3
    message: float = 22.2
    task: float = 209.0
    payloads: dict[int, float] = field(default_factory=lambda: {1_000: 28.0, 10_000: 69.0, 100_000: 877.0})
    statements: dict[str, tuple[float, float, int]] = field(
        default_factory=lambda: {"accept": (0.73, 7.87, 100), "claim": (2.33, 5.69, 25), "finish": (1.26, 5.95, 25)}
    )

    def queue(self, rate: float, workers: int, most: int = 100) -> Queue:
        """Tasks that do nothing, so many messages a second."""
        return Queue(rate, self.push * US, self.turn * US, self.message * US, self.task * US, most, workers)

    def ledger(self, rate: float) -> list[Queue]:
        """So many jobs a second, each accepted, claimed and finished. What comes during a statement shares the next."""
        found = []
        for one, many, group in self.statements.values():
            each = max(many - one, 0.0) / (group - 1)
            turn, message = (one - each) * MS, each * MS
            found.append(Queue(rate, 0.0, turn, message, most=group, workers=1, settles=False))
        return found


def costs(results: Path) -> Costs:
    """Each figure from the newest result that has it."""
    found = Costs()
    for name, parts in (("peers", _turns), ("latency", _push), ("sizes", _payloads), ("growth", _statements)):
        for _, result in kept.read(results, name):
            if told := parts(result):
                vars(found).update(told)
                break
    return found


def _turns(result: Any) -> dict[str, float]:
    """A full gevent worker's turn is for as many messages as it may run at once; a prefork worker's for as many fewer
    as it has more commands for each."""
    kind = result.kinds.get(NOOP)
    if kind is None or not {PENSTOCK, PENSTOCK_PREFORK} <= kind.turns.keys():
        return {}
    names = (PENSTOCK_PREFORK, PENSTOCK)
    alone, shared = (kind.median(name, lambda turn: sum(turn.commands.values())) for name in names)
    one, many = (kind.median(name, lambda turn: turn.redis_us) for name in names)
    if one <= many or alone <= shared:
        return {}
    full = Sizes.of(NOOP).green
    few = full * shared / alone
    turn = (one - many) / (1 / few - 1 / full)
    return {"turn": turn, "message": one - turn / few, "task": kind.median(PENSTOCK, lambda turn: turn.worker_us)}


def _push(result: Any) -> dict[str, float]:
    sender = result.senders.get(sender_of(PENSTOCK))
    return {"push": median(sender.redis_us)} if sender and sender.redis_us else {}


def _payloads(result: Any) -> dict[str, dict[int, float]]:
    by_size = result.costs.get(PAYLOAD, {}).get(OURS, {})
    sizes = {size: median(one.redis_us for one in cost.runs) for size, cost in by_size.items() if size >= 1000}
    return {"payloads": sizes} if sizes else {}


def _statements(result: Any) -> dict[str, dict[str, tuple[float, float, int]]]:
    ms = {name: median(times) for name, times in result.tables[-1].ms.items()}
    if not all({one, many} <= ms.keys() for one, many, _ in STATEMENTS.values()):
        return {}
    return {"statements": {name: (ms[one], ms[many], group) for name, (one, many, group) in STATEMENTS.items()}}
