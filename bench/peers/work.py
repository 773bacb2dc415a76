"""What every contestant's tasks do, and how they tell that they did it. Each imports this: the standard library alone.

A task marks its number, and when it was started, in a file that all of a worker's processes and its sender map into
their memory. So the guard sees each number by itself, whoever ran it, and telling costs a task no command to Redis.
"""

import json
import mmap
import os
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARKS, URL, CONCURRENCY = "BENCH_MARKS", "BENCH_URL", "BENCH_CONCURRENCY"
"""Environment variables: the file of marks, the Redis, and how many tasks a worker may run at once."""

NOOP, SLEEP, BURN = "noop", "sleep", "burn"
KINDS = (NOOP, SLEEP, BURN)

SLEEP_SECONDS = 0.05
BURN_SECONDS = 0.01

QUEUE = "bench"

CONNECTIONS = 1200
"""Room for those of all tasks that run at once and of their worker. By itself redis-py refuses more than a hundred."""

MOST = 255
"""How often a number's runs are counted: what a byte holds."""

MOMENT = struct.Struct("d")
"""Seconds of the monotonic clock, which all processes of a machine share."""


class Marks:
    """For each number from 1 to `count`: how often it has been run, when first, and when it was sent; in a file."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 0)
        self.count = len(self._bytes) // (1 + 2 * MOMENT.size) - 1

    @classmethod
    def create(cls, path: Path, count: int) -> "Marks":
        """All at none."""
        path.write_bytes(bytes((count + 1) * (1 + 2 * MOMENT.size)))
        return cls(path)

    @classmethod
    def of_environment(cls) -> "Marks":
        """Those that the worker was told to mark."""
        return cls(Path(os.environ[MARKS]))

    def add(self, number: int) -> None:
        """It is run, now. Raises IndexError where nobody sent it."""
        if not 0 <= number <= self.count:
            raise IndexError(number)
        if not self._bytes[number]:
            MOMENT.pack_into(self._bytes, self._place(number, 0), time.monotonic())
        self._bytes[number] = min(self._bytes[number] + 1, MOST)

    def sent(self, number: int) -> None:
        """It is sent, now."""
        MOMENT.pack_into(self._bytes, self._place(number, 1), time.monotonic())

    def waited(self, number: int) -> float:
        """Seconds from its sending until it was run."""
        ran, sent = (MOMENT.unpack_from(self._bytes, self._place(number, which))[0] for which in (0, 1))
        return float(ran - sent)

    def _place(self, number: int, which: int) -> int:
        return self.count + 1 + MOMENT.size * (number + which * (self.count + 1))

    def seen(self) -> bytes:
        """How often each was run; the first one is that of 0, which nobody sends."""
        return bytes(self._bytes[: self.count + 1])

    def done(self) -> int:
        """How many numbers have been run."""
        ran = self.seen()[1:]
        return len(ran) - ran.count(0)

    def close(self) -> None:
        """Unmap the file."""
        self._bytes.close()


def burn() -> None:
    """Take 10 ms of CPU time, by this thread's own clock: waiting for the interpreter's lock does not count."""
    end = time.thread_time() + BURN_SECONDS
    while time.thread_time() < end:
        sum(range(500))


def url() -> str:
    """The Redis that this contestant was given, with room for its connections."""
    return f"{os.environ[URL]}?max_connections={CONNECTIONS}"


@dataclass(frozen=True)
class Order:
    """What a sender is told on its command line: the kind of task, the first and the last number, and how many a
    second, 0 for as many as it can."""

    kind: str
    first: int
    last: int
    rate: float

    @classmethod
    def read(cls, arguments: list[str]) -> "Order":
        """Raises SystemExit for a kind of task that there is not."""
        kind, first, last, rate = arguments
        if kind not in KINDS:
            raise SystemExit(f"there is no task {kind!r}: one of {', '.join(KINDS)}")
        return cls(kind, int(first), int(last), float(rate))

    @property
    def arguments(self) -> list[str]:
        """For the command line."""
        return [self.kind, str(self.first), str(self.last), str(self.rate)]

    def due(self) -> Iterator[tuple[int, float]]:
        """Each number with the seconds to wait before it is sent: at fixed times, however long sending takes."""
        began = time.monotonic()
        for number in range(self.first, self.last + 1):
            at = began + (number - self.first) / self.rate if self.rate else 0.0
            yield number, max(0.0, at - time.monotonic())


@dataclass
class Sending:
    """How long sending took, from after the first one, for which a sender connects. It prints this as JSON."""

    seconds: float = 0
    cpu_seconds: float = 0
    count: int = 0

    def begins(self) -> None:
        """The first one is sent."""
        self.seconds, self.cpu_seconds = time.monotonic(), time.process_time()

    def ends(self, order: Order) -> None:
        """The last one is sent."""
        self.seconds, self.cpu_seconds = time.monotonic() - self.seconds, time.process_time() - self.cpu_seconds
        self.count = order.last - order.first
        print(json.dumps(vars(self)))  # noqa: T201  # read by whoever started this


def send(one: Callable[[str, int], object]) -> None:
    """Send what the command line says; `one` sends the task of a kind with a number."""
    order, marks, sending = Order.read(sys.argv[1:]), Marks.of_environment(), Sending()
    for number, pause in order.due():
        if pause:
            time.sleep(pause)
        marks.sent(number)
        one(order.kind, number)
        if number == order.first:
            sending.begins()
    sending.ends(order)


async def send_async(one: Callable[[str, int], Awaitable[object]]) -> None:
    """The same, one after another, in a loop of asyncio."""
    import asyncio  # here: a worker that does not use it is not to carry it

    order, marks, sending = Order.read(sys.argv[1:]), Marks.of_environment(), Sending()
    for number, pause in order.due():
        if pause:
            await asyncio.sleep(pause)
        marks.sent(number)
        await one(order.kind, number)
        if number == order.first:
            sending.begins()
    sending.ends(order)
