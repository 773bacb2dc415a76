"""A small simulation of what does one thing at a time, as Redis does: queues, their senders and workers, and the waits.

A message comes at a random moment and is pushed: a command. A worker's turn, another one, takes all that waits, up to a
bound, then the worker runs what it took, one task after another, and has its next turn, which settles them. A worker
whose turn found nothing stands still until a push wakes it. Commands are done in the order in which they come.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

WARM_UP = 0.1
"""Share of the messages after whose coming all counts."""


@dataclass(frozen=True)
class Queue:
    """rate: messages a second. Seconds of the server: for a `push`, for a `turn`, and for each `message` that it takes,
    `most` of them; of the worker: for a `task`. settles: whether a turn is needed behind the last tasks.
    """

    rate: float
    push: float
    turn: float = 0.0
    message: float = 0.0
    task: float = 0.0
    most: int = 100
    workers: int = 0
    settles: bool = True


@dataclass
class Seen:
    """Of one queue: seconds that each push and each turn waited for the server, and that each message took from its
    coming until a worker had it; seconds that the server worked for it, and messages that were taken."""

    pushes: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    messages: list[float] = field(default_factory=list)
    spent: float = 0.0
    taken: int = 0


@dataclass
class Outcome:
    """What was seen of each queue in so many seconds."""

    seconds: float
    queues: list[Seen]

    @property
    def busy(self) -> float:
        """The share of the time in which the server worked."""
        return sum(one.spent for one in self.queues) / self.seconds

    @property
    def rate(self) -> float:
        """Messages that workers took a second."""
        return sum(one.taken for one in self.queues) / self.seconds


def simulate(queues: Sequence[Queue], messages: int, seed: int = 1) -> Outcome:
    """So many messages come; it ends with the last one, whatever waits then."""
    return _Simulation(queues, seed).run(messages)


Work = Callable[[], tuple[float, Callable[[], None]]]
"""Begins a command: how long the server takes for it, and what follows."""


class _Simulation:
    def __init__(self, queues: Sequence[Queue], seed: int) -> None:
        self.queues, self.drawn = queues, random.Random(seed)
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.line: deque[tuple[float, list[float], Seen, Work]] = deque()
        self.now, self.is_busy = 0.0, False
        self.seen = [Seen() for _ in queues]
        self.there: list[deque[float]] = [deque() for _ in queues]
        self.idle = [queue.workers for queue in queues]

    def run(self, messages: int) -> Outcome:
        rates = [queue.rate for queue in self.queues]
        whose = self.drawn.choices(range(len(rates)), rates, k=messages)
        at, began = 0.0, 0.0
        for number, queue in enumerate(whose):
            at += self.drawn.expovariate(sum(rates))
            while self.events and self.events[0][0] <= at:
                self.now, _, happens = heapq.heappop(self.events)
                happens()
            self.now = at
            if number == int(messages * WARM_UP):
                began = at
                for one in self.seen:  # in place: commands in the line hold them
                    for waits in (one.pushes, one.turns, one.messages):
                        waits.clear()
                    one.spent, one.taken = 0.0, 0
            self.ask(queue, self.seen[queue].pushes, self.pushing(queue, at))
        return Outcome(at - began, self.seen)

    def ask(self, queue: int, waits: list[float], work: Work) -> None:
        self.line.append((self.now, waits, self.seen[queue], work))
        if not self.is_busy:
            self.serve()

    def serve(self) -> None:
        since, waits, seen, work = self.line.popleft()
        waits.append(self.now - since)
        seconds, follows = work()
        seen.spent += seconds
        self.is_busy = True

        def done() -> None:
            self.is_busy = False
            follows()
            if self.line and not self.is_busy:
                self.serve()

        self.later(seconds, done)

    def later(self, seconds: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.order), happens))

    def pushing(self, queue: int, came: float) -> Work:
        def pushed() -> None:
            self.there[queue].append(came)
            if self.idle[queue]:
                self.idle[queue] -= 1
                self.ask_turn(queue)

        return lambda: (self.queues[queue].push, pushed)

    def ask_turn(self, queue: int) -> None:
        about, there, seen = self.queues[queue], self.there[queue], self.seen[queue]

        def begin() -> tuple[float, Callable[[], None]]:
            taken = [there.popleft() for _ in range(min(about.most, len(there)))]

            def answered() -> None:
                seen.messages.extend(self.now - came for came in taken)
                seen.taken += len(taken)
                if taken and (about.settles or there):
                    self.later(len(taken) * about.task, lambda: self.ask_turn(queue))
                else:
                    self.idle[queue] += 1

            return about.turn + len(taken) * about.message, answered

        self.ask(queue, seen.turns, begin)
