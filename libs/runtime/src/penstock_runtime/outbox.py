"""The outbox: what a process has accepted and not yet published, and the thread that publishes it."""

import queue
import threading
from collections.abc import Sequence
from time import monotonic

import structlog
from sqlalchemy import Engine

from penstock_runtime.database import LOST
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger.publish import Publication, mark_queued
from penstock_runtime.publishing import open_publisher
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

LARGEST_GROUP = 500
"""Messages that share a round trip at the most."""

LONGEST_LINE = 10_000
"""Messages that wait at the most; what comes on top is left to the relay."""


class Outbox:
    """Publishes in the order of `put`. What it drops, or does not get to in time, the relay publishes.

    engine: one that commits each statement.
    """

    def __init__(self, settings: RuntimeSettings, engine: Engine) -> None:
        self._engine = engine
        self._publisher = open_publisher(settings)
        self._settings = settings
        # None ends the thread.
        self._waiting: queue.Queue[tuple[float, Publication] | None] = queue.Queue(LONGEST_LINE)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._resume_at = float("-inf")

    def put(self, publications: Sequence[Publication], *, stamped_after: float) -> None:
        """Have these published soon; never waits. Their stamps were made after this reading of the monotonic clock."""
        if publications:
            self._start()
        for position, item in enumerate(publications):
            try:
                self._waiting.put_nowait((stamped_after, item))
            except queue.Full:
                log.warning("outbox_full", jobs=len(publications) - position, then="the relay publishes them")
                return

    def _start(self) -> None:
        # Late: a server that forks after loading the application needs the thread in each child.
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._send(group)
            except Exception:  # the edge of the thread: without it every later message would wait for the relay
                log.exception("fault")

    def _next_group(self) -> list[tuple[float, Publication]]:
        """What waits now; nothing when the outbox closes."""
        group: list[tuple[float, Publication]] = []
        item = self._waiting.get()
        while item is not None:
            group.append(item)
            if len(group) == LARGEST_GROUP or self._waiting.empty():
                return group
            item = self._waiting.get_nowait()
        if group:
            self._waiting.put(None)  # to be met again, alone
        return group

    def _send(self, group: list[tuple[float, Publication]]) -> None:
        # After the publisher's time-out these rows are the relay's; sending takes a connect and an answer of it.
        now = monotonic()
        last = now - (self._settings.publish_timeout - 2 * self._settings.broker_timeout)
        timely = [item for stamped, item in group if stamped > last]
        # While the broker is away, each try would only keep the next ones waiting.
        if not timely or now < self._resume_at:
            return
        try:
            self._publisher.publish(timely)
        except Unavailable as error:
            self._resume_at = monotonic() + self._settings.broker_timeout
            log.warning("not_published", jobs=len(timely), reason=error.message, then="the relay publishes them")
            return
        try:
            with self._engine.connect() as connection:
                mark_queued(connection, timely)
        except LOST:
            # The rows stay `accepted`, and the relay publishes them a second time: harmless.
            log.warning("not_marked", jobs=len(timely))

    def close(self) -> None:
        """Publish what still waits, within the publisher's time-out, and close the connections."""
        if self._thread is not None:
            self._waiting.put(None, timeout=self._settings.publish_timeout)
            self._thread.join(self._settings.publish_timeout)
        self._publisher.close()
