"""What was seen of one neighbour, and looking at several at once for a bounded time."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from penstock_runtime.findings import Finding


@dataclass(frozen=True)
class Clock:
    """How far a server's clock is ahead of this process's, in seconds; give or take `error`."""

    of: str
    ahead: float
    error: float


@dataclass
class Sight:
    """One neighbour. readable: what lies in it can be looked at. writable: it also takes what it is given."""

    findings: list[Finding] = field(default_factory=list)
    clock: Clock | None = None
    readable: bool = False
    writable: bool = False


@dataclass(frozen=True)
class Look:
    """What is done to see something, and what it means when it does not end in time."""

    at: Callable[[Sight], None]
    late: Finding


def all_at_once(looks: Sequence[Look], *, seconds: float) -> list[Sight]:
    """What each look saw within that time; with `late` where it did not end. What a look raises is raised here."""
    sights = [Sight() for _ in looks]
    faults: list[Exception] = []

    def see(look: Look, sight: Sight) -> None:
        try:
            look.at(sight)
        except Exception as error:  # noqa: BLE001 - the edge of the thread; it is raised where it is seen
            faults.append(error)

    # Daemons: one that hangs must not keep the process from ending.
    threads = [
        threading.Thread(target=see, args=pair, daemon=True, name="look") for pair in zip(looks, sights, strict=True)
    ]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if faults:
        raise faults[0]
    return [
        Sight([*sight.findings, look.late]) if thread.is_alive() else sight
        for look, sight, thread in zip(looks, sights, threads, strict=True)
    ]


def clock_of(name: str, read: Callable[[], float]) -> Clock:
    """Compare a server's clock, as `read` answers it in seconds since 1970, with this process's."""
    before = time.time()
    began = time.monotonic()
    there = read()
    took = time.monotonic() - began
    return Clock(name, there - (before + took / 2), took / 2)
