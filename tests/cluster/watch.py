"""What became of the replicas while a test did something else."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

from cluster.namespace import Namespace

EVERY = 0.5


class Watch:
    """How many replicas each Deployment was asked to have, every half second."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._samples: list[tuple[float, dict[str, int]]] = []
        self._stop = threading.Event()

    def run(self) -> None:
        """Look until `stop`."""
        while not self._stop.wait(EVERY):
            self.look()

    def look(self) -> None:
        """Look once."""
        self._samples.append((time.time(), self._namespace.replicas()))

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def of(self, deployment: str) -> list[int]:
        """The numbers it was asked to have, in order, each once in a row."""
        return [number for number, _ in groupby(sample[deployment] for _, sample in list(self._samples))]

    def course(self, deployment: str) -> str:
        """For people: the numbers with the seconds since the beginning."""
        samples = list(self._samples)
        began = samples[0][0] if samples else 0.0
        rows = ((at, sample[deployment]) for at, sample in samples)
        firsts = (next(group) for _, group in groupby(rows, key=lambda row: row[1]))
        return ", ".join(f"{number} at {at - began:.0f} s" for at, number in firsts)

    def moved(self) -> set[str]:
        """The Deployments whose number changed."""
        return {name for _, sample in list(self._samples) for name in sample if len(self.of(name)) > 1}


@contextmanager
def watching(namespace: Namespace) -> Iterator[Watch]:
    """Watch while the block runs, and from before it begins: KEDA may be quicker than the first look of a thread."""
    watch = Watch(namespace)
    watch.look()
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join(10)
