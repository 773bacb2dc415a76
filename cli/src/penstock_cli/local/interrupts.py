"""Asking a run to end: ctrl-C, SIGTERM, a closed terminal."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """The signals raise nothing but are counted; the run looks at the count where it is safe to end.

    The third raises KeyboardInterrupt after all: something hangs.
    """
    count = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 2:
            raise KeyboardInterrupt

    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in asking}
    try:
        yield lambda: count
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
