"""Tasks a second of each peer beside Penstock: tasks that do nothing, that sleep, and that take CPU time."""

import statistics
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from bench.peers.contestant import Contestant
from bench.peers.lineup import PENSTOCK, lineup
from bench.peers.turn import Turn, take
from bench.peers.work import BURN, NOOP, SLEEP
from bench.progress import steps
from bench.running import Ground
from bench.worker_run import Bench

FIRST_LOOK = {NOOP: 1000, SLEEP: 200, BURN: 50}
"""Tasks of the turn that tells how many each later one needs."""


@dataclass(frozen=True)
class Wanted:
    """So many `rounds` of about so many `seconds`, of these kinds of tasks. names: of contestants, none for all."""

    rounds: int
    seconds: float
    kinds: tuple[str, ...]
    names: frozenset[str] = frozenset()


@dataclass
class Kind:
    """All turns with one kind of task, by contestant, and each one's settings. `first`: those that are not counted."""

    settings: dict[str, str]
    first: dict[str, Turn] = field(default_factory=dict)
    turns: dict[str, list[Turn]] = field(default_factory=dict)

    def median(self, name: str, figure: Callable[[Turn], float]) -> float:
        """The median round's."""
        return statistics.median(figure(one) for one in self.turns[name])

    def ratio(self, name: str) -> float | None:
        """Penstock's rate to this one's; None where Penstock did not take part."""
        if PENSTOCK not in self.turns:
            return None
        return self.median(PENSTOCK, lambda one: one.rate) / self.median(name, lambda one: one.rate)


@dataclass
class Result:
    """What was measured, by kind of task."""

    rounds: int
    seconds: float
    kinds: dict[str, Kind] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """What a contestant did not do that it was counted for."""
        turns = [one for kind in self.kinds.values() for each in kind.turns.values() for one in each]
        turns += [one for kind in self.kinds.values() for one in kind.first.values()]
        return [fault for one in turns for fault in one.faults]


def measure(ground: Ground, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Each kind by itself, in interleaved rounds. Raises ProcessError where a contestant does not run."""
    bench, result = Bench(ground.redis_url, ground.folder), Result(wanted.rounds, wanted.seconds)
    for kind in wanted.kinds:
        field_ = chosen(lineup(kind, ground.database_url), wanted.names)
        result.kinds[kind] = _measured(bench, kind, field_, wanted, say)
    return result


def chosen(all_of_them: list[Contestant], names: Collection[str]) -> list[Contestant]:
    """Those of these names, or all. Raises SystemExit for a name that nobody has."""
    known = [one.name for one in all_of_them]
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"nobody is called {', '.join(unknown)}; there are: {'; '.join(known)}")
    return [one for one in all_of_them if not names or one.name in names]


def _measured(bench: Bench, kind: str, field_: list[Contestant], wanted: Wanted, say: Callable[[str], None]) -> Kind:
    got = Kind({one.name: one.settings for one in field_})
    with steps(f"peers, {kind}", len(field_) * (wanted.rounds + 1)) as begin:
        for one in field_:
            begin(f"{one.name}, first look")
            got.first[one.name] = take(bench, one, kind, FIRST_LOOK[kind])
        for turn in range(wanted.rounds):
            # Whoever begins changes from round to round.
            start = turn % len(field_)
            for one in field_[start:] + field_[:start]:
                count = max(FIRST_LOOK[kind], round(got.first[one.name].rate * wanted.seconds))
                begin(f"{one.name}, round {turn + 1} of {wanted.rounds}, {count:,} tasks")
                made = take(bench, one, kind, count)
                got.turns.setdefault(one.name, []).append(made)
                say(f"{kind}, round {turn + 1}: {one.name} {made.rate:,.0f} tasks/s")
    return got
