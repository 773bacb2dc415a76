"""The children together: started in order, watched, started again when they die, stopped in reverse order."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from penstock_cli.local.orphans import record
from penstock_cli.local.processes import Child, Phase, ProcessError, Program
from penstock_cli.local.state import State

TICK = 0.1
"""Seconds between two looks at the children."""

HEALTHY_AFTER = 60.0
"""Seconds a child must run before its earlier deaths are forgotten."""


class Interrupted(Exception):
    """Someone asked for the run to end: ctrl-C, SIGTERM, or a closed terminal."""


@dataclass(frozen=True)
class Bounds:
    """Seconds a child may take to get ready and to stop, restarts in a row, and bytes of a log."""

    start: float
    stop: float
    restarts: int
    log_bytes: int


class Supervisor:
    """All children of one run. Not for threads: the thread that starts them must live as long as they do.

    say: takes a sentence for people. show: is called at each look, to draw. interrupts: how often an end was
    asked for.
    """

    def __init__(
        self,
        state: State,
        bounds: Bounds,
        *,
        say: Callable[[str], None],
        show: Callable[[], None],
        interrupts: Callable[[], int],
    ) -> None:
        self._stages: list[list[Child]] = []
        self._state = state
        self._bounds = bounds
        self._say = say
        self._show = show
        self._interrupts = interrupts

    @property
    def children(self) -> list[Child]:
        """All of them, in the order of their start."""
        return [child for stage in self._stages for child in stage]

    def add(self, programs: list[Program]) -> list[Child]:
        """Name a stage: children that are started together, stopped together, and shown from now on."""
        folder = self._state.folder / "run"
        added = [Child(item, self._state.log(item.name), folder, self._bounds.log_bytes) for item in programs]
        self._stages.append(added)
        return added

    def start(self, children: list[Child]) -> None:
        """Start these together and return when all are ready.

        Raises ProcessError when one ended or was not ready in time, Interrupted when the run shall end.
        """
        for child in children:
            child.tidy_log()
            child.start()
            self._record()
        deadline = time.monotonic() + self._bounds.start
        while waiting := [child for child in children if not child.is_ready()]:
            for child in waiting:
                if child.has_ended():
                    raise ProcessError(child.obituary())
            if time.monotonic() > deadline:
                late = waiting[0]
                raise ProcessError(
                    f"{late.program.name} was not ready within {self._bounds.start:g} s; log: {late.log}"
                )
            self.pause()
        self._show()

    def pause(self) -> None:
        """Look at all children, draw, and sleep shortly. Raises as `watch` does, and Interrupted."""
        self.watch()
        self._show()
        if self._interrupts():
            raise Interrupted
        time.sleep(TICK)

    def watch(self) -> None:
        """Start dead children again, each time after a longer wait.

        Raises ProcessError for one that died more often in a row than is allowed.
        """
        now = time.monotonic()
        for child in self.children:
            child.tidy_log()
            if child.phase is Phase.RESTARTING and now >= child.due:
                child.start()
                self._record()
            elif child.phase is Phase.STARTING and child.restarts:
                self._look_at_restarted(child, now)
            elif child.phase is Phase.READY and child.has_ended():
                self._plan_restart(child, now)

    def _look_at_restarted(self, child: Child, now: float) -> None:
        if child.is_ready():
            self._say(f"{child.program.name} is ready again, pid {child.pid}")
        elif child.has_ended():
            self._plan_restart(child, now)
        elif now - child.since > self._bounds.start:
            child.kill()
            self._plan_restart(child, now)

    def _plan_restart(self, child: Child, now: float) -> None:
        if now - child.since > HEALTHY_AFTER:
            child.restarts = 0
        if child.restarts >= self._bounds.restarts:
            raise ProcessError(f"{child.obituary()}\n    it died {child.restarts + 1} times in a row: giving up")
        wait = min(2.0**child.restarts / 2, 30.0)
        child.restarts += 1
        child.due = now + wait
        child.phase = Phase.RESTARTING
        count = f"{child.restarts} of {self._bounds.restarts}"
        self._say(f"{child.obituary()}\n    it starts again in {wait:g} s ({count})")

    def stop(self) -> None:
        """Stop all, the last stage first. What does not end in time, or at another ctrl-C, is killed."""
        asked = self._interrupts()
        for stage in reversed(self._stages):
            for child in stage:
                child.ask_to_stop()
            deadline = time.monotonic() + self._bounds.stop
            while alive := [child for child in stage if not child.has_stopped()]:
                self._show()
                hurry = self._interrupts() > asked
                if hurry or time.monotonic() > deadline:
                    why = "at once, as asked" if hurry else f"it did not stop within {self._bounds.stop:g} s"
                    self._kill(alive, why)
                else:
                    time.sleep(TICK)
        self._record()
        self._show()

    def _kill(self, children: list[Child], why: str) -> None:
        for child in children:
            self._say(f"{child.program.name} is killed: {why}")
            child.kill()

    def _record(self) -> None:
        """Keep the children's ids for the next start, should this process be killed."""
        record(self._state.children_file, [child.pid for child in self.children if child.pid is not None])
