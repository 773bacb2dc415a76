"""The memory that processes really take: proportional set size (PSS), in which a shared page counts once in all."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

MIB = 2**20


def pss(pid: int) -> int:
    """Bytes of a process and all below it, summed: what they share among themselves is counted once. Linux only.

    Source: /proc/<pid>/smaps_rollup (proc(5)). A child that ends meanwhile counts nothing. Raises psutil.NoSuchProcess
    where the first process is gone.
    """
    parent = psutil.Process(pid)
    total: int = parent.memory_full_info().pss
    for child in parent.children(recursive=True):
        try:
            total += child.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return total


def own(process: psutil.Process) -> int:
    """Bytes that a process and its children share with no other, and that would be free without them (USS). Unlike PSS
    it does not depend on how many others run the same programs.
    """
    return sum(one.memory_full_info().uss for one in (process, *process.children(recursive=True)))


@dataclass
class Samples:
    """PSS in MiB over time in seconds since the first look."""

    seconds: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """The highest one, MiB."""
        return max(self.mib)

    def take(self, pid: int, at: float) -> None:
        """Look once."""
        self.seconds.append(round(at, 3))
        self.mib.append(round(pss(pid) / MIB, 2))


@contextmanager
def sampling(pid: int, every: float) -> Iterator[Samples]:
    """Look each `every` seconds, from a thread, until the block ends."""
    samples, done, began = Samples(), threading.Event(), time.monotonic()

    def look() -> None:
        while True:
            samples.take(pid, time.monotonic() - began)
            if done.wait(every):
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
