"""How many tasks a second one process sends, and how long a task waits from being sent until it starts."""

import statistics
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from bench.peers.contestant import Contestant
from bench.peers.lineup import sender_of, senders, starters
from bench.peers.stage import stage
from bench.peers.throughput import chosen
from bench.peers.turn import take
from bench.peers.work import NOOP, Order
from bench.progress import steps
from bench.running import Ground, cpu_seconds
from bench.worker_run import Bench

LOW = 10.0
"""Tasks a second at low load: nobody waits for another one's task."""

CAPACITY = 2000
"""Tasks of the run that tells how many a worker does a second."""


@dataclass(frozen=True)
class Wanted:
    """So many `rounds`: of `tasks` sent as fast as can be, and of `seconds` of each load. names: none for all."""

    rounds: int
    tasks: int
    seconds: float
    names: tuple[str, ...] = ()


@dataclass
class Sender:
    """By round: tasks a second, and CPU time, microseconds a task, its own and Redis'."""

    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    redis_us: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The median round's."""
        return statistics.median(self.rates)


@dataclass
class Waits:
    """Milliseconds from being sent until started, of all rounds; half: at `half_rate` tasks a second."""

    half_rate: float
    low: list[float] = field(default_factory=list)
    half: list[float] = field(default_factory=list)


@dataclass
class Result:
    """By contestant."""

    wanted: Wanted
    senders: dict[str, Sender] = field(default_factory=dict)
    waits: dict[str, Waits] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def measure(ground: Ground, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """First all senders, then all workers, in interleaved rounds. Raises ProcessError where one does not run."""
    bench, result = Bench(ground.redis_url, ground.folder), Result(wanted)
    sending, starting = named(senders(ground.database_url), starters(ground.database_url), wanted.names)
    with steps("latency", (wanted.rounds * (len(sending) + 2 * len(starting))) + len(starting)) as begin:
        for turn in range(wanted.rounds):
            for one in _from(sending, turn):
                begin(f"{one.name} sends {wanted.tasks:,} tasks")
                _send(bench, one, wanted.tasks, result)
                say(f"round {turn + 1}: {one.name} sends {result.senders[one.name].rates[-1]:,.0f} tasks/s")
        for one in starting:
            begin(f"{one.name}, how many it runs")
            # Half of whoever is slower: a sender that cannot keep up would be what is measured.
            most = min(take(bench, one, NOOP, CAPACITY).rate, result.senders[sender_of(one.name)].rate)
            result.waits[one.name] = Waits(round(most / 2))
        for turn in range(wanted.rounds):
            for one in _from(starting, turn):
                waits = result.waits[one.name]
                for name, rate, to in (("low", LOW, waits.low), ("half", waits.half_rate, waits.half)):
                    begin(f"{one.name}, {name} load: {rate:g} tasks/s for {wanted.seconds:g} s")
                    got = _wait(bench, one, rate, round(rate * wanted.seconds), result.faults)
                    to += got
                    say(f"round {turn + 1}: {one.name} at {rate:g}/s: median {statistics.median(got):.2f} ms")
    return result


def named(
    sending: list[Contestant], starting: list[Contestant], names: Collection[str]
) -> tuple[list[Contestant], list[Contestant]]:
    """Those of these names, a worker with its sender; or all. Raises SystemExit for a name that nobody has."""
    found = {one.name for one in chosen([*sending, *starting], names)}
    found |= {sender_of(name) for name in found}
    return [one for one in sending if one.name in found], [one for one in starting if one.name in found]


def _from(all_of_them: Sequence[Contestant], turn: int) -> list[Contestant]:
    # Whoever begins changes from round to round.
    start = turn % len(all_of_them)
    return [*all_of_them[start:], *all_of_them[:start]]


def _send(bench: Bench, one: Contestant, count: int, result: Result) -> None:
    with stage(bench, one, count) as on:
        server = cpu_seconds(bench.redis_process)
        took = on.sent(on.sender(Order(NOOP, 1, count, 0)))
        server = cpu_seconds(bench.redis_process) - server
        there = one.waiting(bench.client)
    if there != count:
        result.faults.append(f"{one.name}: {there} tasks are in Redis of {count} that it sent")
    sender = result.senders.setdefault(one.name, Sender())
    sender.rates.append(took.count / took.seconds)
    sender.cpu_us.append(took.cpu_seconds / took.count * 1e6)
    sender.redis_us.append(server / count * 1e6)


def _wait(bench: Bench, one: Contestant, rate: float, count: int, faults: list[str]) -> list[float]:
    # The first one only shows that the worker is there.
    with stage(bench, one, count + 1) as on:
        on.sent(on.sender(Order(NOOP, 1, 1, 0)))
        with on.worker() as child:
            on.wait_for_first(child)
            sender = on.sender(Order(NOOP, 2, count + 1, rate))
            on.sent(sender)
            on.wait_for_all(child)
            on.wait_until_acknowledged()
        faults += on.faults()
        seen = on.marks.seen()
        return [1000 * on.marks.waited(number) for number in range(2, count + 2) if seen[number]]
