"""What every contestant's tasks do, and how they tell that they did it. Each imports this: the standard library alone.

A task marks its number in a file that all of a worker's processes map into their memory. So the guard sees each number
by itself, whoever ran it, and telling costs a task no command to Redis.
"""

import mmap
import os
import time
from collections.abc import Iterable
from pathlib import Path

MARKS, URL, CONCURRENCY = "BENCH_MARKS", "BENCH_URL", "BENCH_CONCURRENCY"
"""Environment variables: the file of marks, the Redis, and how many tasks a worker may run at once."""

NOOP, SLEEP, BURN = "noop", "sleep", "burn"
KINDS = (NOOP, SLEEP, BURN)

SLEEP_SECONDS = 0.05
BURN_SECONDS = 0.01

QUEUE = "bench"

CONNECTIONS = 500
"""Room for those of all tasks that run at once and of their worker. By itself redis-py refuses more than a hundred."""

MOST = 255
"""How often a number's runs are counted: what a byte holds."""


class Marks:
    """How often each number from 1 to `count` has been run, a byte each, in a file."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 0)

    @classmethod
    def create(cls, path: Path, count: int) -> "Marks":
        """All at none."""
        path.write_bytes(bytes(count + 1))
        return cls(path)

    @classmethod
    def of_environment(cls) -> "Marks":
        """Those that the worker was told to mark."""
        return cls(Path(os.environ[MARKS]))

    def add(self, number: int) -> None:
        """It has been run. Raises IndexError where nobody sent it."""
        self._bytes[number] = min(self._bytes[number] + 1, MOST)

    def seen(self) -> bytes:
        """How often each was run; the first one is that of 0, which nobody sends."""
        return bytes(self._bytes)

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


def numbers(arguments: list[str]) -> tuple[str, Iterable[int]]:
    """What `fill` is told: the kind of task, and how many from 1 on."""
    kind, count = arguments
    if kind not in KINDS:
        raise SystemExit(f"there is no task {kind!r}: one of {', '.join(KINDS)}")
    return kind, range(1, int(count) + 1)
