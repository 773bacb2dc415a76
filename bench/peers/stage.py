"""What a contestant stands on: an empty Redis, marks for its tasks' numbers, its sender and its worker."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.guard import marked
from bench.peers.contestant import Contestant
from bench.peers.work import MARKS, URL, Marks, Order, Sending
from bench.running import ROOT
from bench.worker_app import URL_VARIABLE
from bench.worker_run import EVERY, Bench, running

from penstock_cli.local.processes import Child, ProcessError, Program

STARTING = 60.0
"""Seconds until a worker has run its first task."""

STALLED = 15.0
"""Seconds after which a worker that runs, or acknowledges, nothing is not waited for any more."""

STOPPING = 5.0
"""Seconds to stop, once all is done, until it is killed."""

SENDING = 300.0
"""Seconds for sending all."""


@dataclass(frozen=True)
class Stage:
    """For one contestant and so many numbers as there are marks."""

    bench: Bench
    contestant: Contestant
    marks: Marks
    environment: dict[str, str]

    def fill(self, kind: str) -> None:
        """Have all numbers in the queue, the quickest way there is. Raises ProcessError."""
        self._run(self.contestant.fill or self.contestant.send, Order(kind, 1, self.marks.count, 0))

    def sender(self, order: Order) -> "subprocess.Popen[str]":
        """The contestant's own way to send, begun; `sent` waits for its end."""
        return self._begin(self.contestant.send, order)

    def sent(self, sender: "subprocess.Popen[str]") -> Sending:
        """How long it took. Raises ProcessError where not all was sent."""
        said = self._ended(sender)
        told: dict[str, Any] = json.loads(said.strip().rpartition("\n")[2])
        return Sending(**told)

    @contextmanager
    def worker(self) -> Iterator[Child]:
        """Its worker, starting. It is stopped at the end."""
        name = self.contestant.name.replace(", ", "-")
        command = list(self.contestant.worker)
        program = Program(name, "works", command, lambda said: True, environment=self.environment)
        with running(program, self.bench.folder, STOPPING) as child:
            yield child

    def wait_for_first(self, child: Child) -> int:
        """How many tasks were done at the first look that found one. Raises ProcessError where there is none."""
        deadline = time.monotonic() + STARTING
        while not (done := self.marks.done()):
            if child.has_ended() or time.monotonic() > deadline:
                raise ProcessError(f"{self.contestant.name} has run nothing: {child.obituary()}")
            time.sleep(EVERY)
        return done

    def wait_for_all(self, child: Child) -> int:
        """How many numbers were run, once it is all of them or no more of them are. Raises ProcessError at an end."""
        done, moved = self.marks.done(), time.monotonic()
        while done < self.marks.count and time.monotonic() < moved + STALLED:
            if child.has_ended():
                raise ProcessError(f"{self.contestant.name}: {child.obituary()}")
            time.sleep(EVERY)
            if (now := self.marks.done()) > done:
                done, moved = now, time.monotonic()
        return done

    def wait_until_acknowledged(self) -> int:
        """Wait until Redis holds no task any more, or for too long. How often was looked."""
        deadline, looks = time.monotonic() + STALLED, 1
        while self.contestant.left(self.bench.client) and time.monotonic() < deadline:
            time.sleep(EVERY)
            looks += 1
        return looks

    def faults(self) -> list[str]:
        """What was not done; to be asked once the worker has stopped, so that what it ran once more is seen too."""
        one = self.contestant
        found = marked(one.name, self.marks.seen(), one.left(self.bench.client))
        return found + (one.results.faults(one.name, self.marks.count) if one.results else [])

    def _run(self, command: tuple[str, ...], order: Order) -> str:
        return self._ended(self._begin(command, order))

    def _begin(self, command: tuple[str, ...], order: Order) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*command, *order.arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _ended(self, sender: "subprocess.Popen[str]") -> str:
        try:
            said, complaint = sender.communicate(timeout=SENDING)
        finally:
            sender.kill()
        if sender.returncode:
            raise ProcessError(f"{self.contestant.name}: not all could be sent: {complaint.strip()[-2000:]}")
        return said


@contextmanager
def stage(bench: Bench, contestant: Contestant, count: int) -> Iterator[Stage]:
    """A new one, with marks for so many numbers."""
    bench.empty()
    if contestant.results:
        contestant.results.forget()
    path = bench.folder / "marks"
    marks = Marks.create(path, count)
    urls = {URL: bench.url, URL_VARIABLE: bench.url}
    environment = {MARKS: str(path), "PYTHONPATH": str(ROOT), **urls, **contestant.environment}
    try:
        yield Stage(bench, contestant, marks, environment)
    finally:
        marks.close()
