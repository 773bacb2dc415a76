"""An answer that is kept for a moment, so that many who ask cost as much as one."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from gevent.lock import RLock

T = TypeVar("T")


class Remembered(Generic[T]):
    """What `ask` answered last, not older than so many seconds. While one asks, the others wait for that answer."""

    def __init__(self, ask: Callable[[], T], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = RLock()
        self._answer: T | None = None
        self._asked_at = float("-inf")

    def __call__(self) -> T:
        """The answer. Raises what `ask` raises, which is not remembered."""
        with self._lock:
            if self._answer is None or monotonic() - self._asked_at >= self._seconds:
                self._answer = self._ask()
                self._asked_at = monotonic()
            return self._answer
