"""What the consumer writes to the ledger, beside its loop: a PostgreSQL that is slow or away must not hold that up."""

import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from penstock_runtime import waiting
from penstock_runtime.database import connect
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Aside:
    """One thread, begun with the first write, so after the pool has forked. As a message that is written about is not
    acknowledged yet, no more wait here than the worker may take."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._engine = connect(settings, most=1, statement_timeout=settings.lease, autocommit=True)
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._running = False

    def write(
        self, write: Callable[[Connection], T], then: Callable[[T], None], otherwise: Callable[[Exception], None]
    ) -> None:
        """Call `write` in the thread, in order, and again until PostgreSQL answers; then `then` with what it returned.

        Or `otherwise`: with Unavailable when PostgreSQL was away for `outage_patience` seconds from now on, or with
        whatever else `write` raised. Both are called in the thread.
        """
        until = time.monotonic() + self._settings.outage_patience
        self._work.put(partial(self._write, write, then, otherwise, until))
        if not self._running:
            self._running = True
            threading.Thread(target=self._run, name="aside", daemon=True).start()

    def _run(self) -> None:
        while True:
            work = self._work.get()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - the edge of the thread; its text may be of what a message holds
                log.error("fault", error=type(error).__name__)

    def _write(
        self,
        write: Callable[[Connection], T],
        then: Callable[[T], None],
        otherwise: Callable[[Exception], None],
        until: float,
    ) -> None:
        answers: list[T] = []

        def once() -> None:
            with self._engine.connect() as connection:
                answers.append(write(connection))

        patience = max(0.0, until - time.monotonic())
        try:
            waiting.wait_until(once, waiting.postgresql(self._settings), seconds=patience)
        except Exception as error:  # noqa: BLE001 - told to who asked
            otherwise(error)
        else:
            then(answers[-1])
