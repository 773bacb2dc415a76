"""Where one Redis and one ledger end, simulated with what was measured; and what KEDA asks of a cluster, computed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench.costs import MS, US, Costs
from bench.one_server import Outcome, Queue, simulate
from bench.tables import quantile

from penstock_contracts.queues import Priority

SHARES = (0.02, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
"""Of the ceiling: the loads that are shown."""

LATE = 1 * MS
"""Seconds that 99 of 100 commands of a queue, a claim for one, are to wait for its neighbour's at most."""

OWN = 200.0
"""Messages a second of the queue that has a neighbour."""

STEPS, HIGHEST, KEEPS_UP = 12, 50_000.0, 0.97
"""Halvings of the range in which a load is looked for; its upper end; and the share that is taken of what keeps up."""

QUEUES, POLLS, SYNC = (4, 100, 1_000, 10_000), (5, 30), 15
"""Of the table of KEDA: queues, seconds between two looks of KEDA's, and between two of the autoscaler's."""

TRIGGERS, OBJECTS = len(Priority) + 1, 4
"""Of a queue: a list for each priority and what is in flight; Deployment, ReplicaSet, ScaledObject and autoscaler."""


@dataclass(frozen=True)
class Load:
    """At so many messages a second: the share of its time that the server works, messages that are taken a second, and
    seconds that a command waits, and that a message takes to a worker, each the median and the 99th of 100."""

    offered: float
    busy: float
    taken: float
    command: tuple[float, float]
    message: tuple[float, float]


@dataclass(frozen=True)
class Growth:
    """ceiling: the most messages a second that are taken as they come. doubles: from how many on the median one takes
    twice as long as alone."""

    ceiling: float
    doubles: float
    loads: list[Load]


@dataclass(frozen=True)
class Neighbour:
    """With payloads of so many characters: at how many messages a second, and which share of Redis' time, 99 of 100
    commands of another queue just wait no longer than LATE."""

    characters: int
    rate: float
    share: float


@dataclass(frozen=True)
class Asked:
    """What so many queues are for a cluster, with a look of KEDA's each `poll` seconds.

    share: of Redis' time, at most.
    """

    queues: int
    poll: int
    questions: float
    connections: int
    objects: int
    share: float


@dataclass
class Result:
    """redis: by who works."""

    costs: Costs
    redis: dict[str, Growth] = field(default_factory=dict)
    ledger: Growth | None = None
    neighbours: list[Neighbour] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


Made = Callable[[float], list[Queue]]
"""The queues for so many messages a second in all."""


def measure(costs: Costs, messages: int, say: Callable[[str], None]) -> Result:
    """Simulate each, with so many messages a run. No network, and nothing is measured."""
    result = Result(costs, asked=asked(costs))
    made: dict[str, Made] = {
        "one queue, 20 gevent workers": lambda rate: [costs.queue(rate, 20)],
        "20 queues, a gevent worker each": lambda rate: [costs.queue(rate / 20, 1)] * 20,
        "one queue, 50 prefork workers of 2": lambda rate: [costs.queue(rate, 50, most=2)],
    }
    for name, make in made.items():
        result.redis[name] = grown(make, messages)
        say(f"{name}: {result.redis[name].ceiling:,.0f} tasks/s at most")
    result.ledger = grown(costs.ledger, messages, each=len(costs.statements))
    say(f"the ledger: {result.ledger.ceiling:,.0f} jobs/s at most")
    for characters, message in sorted(costs.payloads.items()):
        result.neighbours.append(neighbour(costs, characters, message, messages))
        say(f"a neighbour with {characters:,} characters: {result.neighbours[-1].share:.0%} of Redis' time")
    return result


def grown(make: Made, messages: int, each: int = 1) -> Growth:
    """Load by load up to the ceiling. each: statements of a job, where that is what is counted."""

    def at(rate: float) -> Load:
        return load(make, rate, messages, each)

    ceiling = highest(HIGHEST, lambda rate: at(rate).taken >= KEEPS_UP * rate)
    alone = at(0.001 * ceiling).message[0]
    doubles = highest(ceiling, lambda rate: at(rate).message[0] <= 2 * alone)
    return Growth(ceiling, doubles, [at(share * ceiling) for share in SHARES])


def load(make: Made, rate: float, messages: int, each: int = 1) -> Load:
    """What is seen at so many messages, or jobs, a second."""
    got = simulate(make(rate), messages)
    commands = [wait for one in got.queues for wait in (*one.pushes, *one.turns)]
    waits = [wait for one in got.queues for wait in one.messages]
    both = [(quantile(values, 0.5), quantile(values, 0.99)) for values in (commands, waits)]
    return Load(rate, got.busy, got.rate / each, *both)


def highest(most: float, holds: Callable[[float], bool]) -> float:
    """The largest rate up to `most` for which that holds, where it holds for all below."""
    low, high = 0.0, most
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def neighbour(costs: Costs, characters: int, message: float, messages: int) -> Neighbour:
    """How much of it a queue with small payloads bears."""
    own = costs.queue(OWN, 1)

    def both(rate: float) -> Outcome:
        return simulate([own, replace(costs.queue(rate, 20), push=push * US, message=message * US)], messages)

    push = costs.push + characters * costs.push_character
    most = 1 / ((push + message) * US)
    # Its pushes come at any moment, as a claim may: its turns do so behind a push, when the neighbour has just had one.
    rate = highest(most, lambda rate: quantile(both(rate).queues[0].pushes, 0.99) <= LATE)
    got = both(rate)
    return Neighbour(characters, rate, got.queues[1].spent / got.seconds)


def asked(costs: Costs) -> list[Asked]:
    """Each trigger is a question on a connection of its own, of KEDA's and again of the autoscaler's."""
    found = []
    for queues in QUEUES:
        for poll in POLLS:
            questions = queues * TRIGGERS * (1 / poll + 1 / SYNC)
            share = questions * costs.push * US  # a question reads a length: no more than a push
            found.append(Asked(queues, poll, questions, queues * TRIGGERS, queues * OBJECTS, share))
    return found
