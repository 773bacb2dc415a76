"""The relay: publishes what is due, and what the promise would else lose.

Any number may run. Each change is a compare-and-set in PostgreSQL, and none holds a lock while it talks to the broker.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, select

from penstock_contracts.queues import QUEUES, Priority, Queue
from penstock_runtime import waiting
from penstock_runtime.database import LOST, connect
from penstock_runtime.errors import Unavailable
from penstock_runtime.heartbeat import FAULT
from penstock_runtime.ledger import lost
from penstock_runtime.ledger.pauses import Pause, read_pauses
from penstock_runtime.ledger.publish import mark_queued, take_due
from penstock_runtime.losses import open_losses
from penstock_runtime.publishing import open_publisher
from penstock_runtime.schema import NOW
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

SWEEP_EVERY = 60
"""Seconds from the deletion of the last old finished jobs until it is looked for more."""


class Relay:
    """One relay. `run` loops until `stop`; `one_pass` is what it does each time.

    moves: called with nothing when it gets on, and with the name of the server it waits for.
    """

    def __init__(self, settings: RuntimeSettings, moves: Callable[[str], None] = lambda waits_for: None) -> None:
        self._settings = settings
        self._moves = moves
        self._engine = connect(settings, most=2, statement_timeout=30)
        self._publisher = open_publisher(settings)
        self._losses = open_losses(settings, self._engine)
        self._healthy_since: datetime | None = None
        self._last_pass = datetime.min.replace(tzinfo=UTC)
        self._sweep_at = time.monotonic()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Pass after pass; an error ends its pass only."""
        while not self._stopping.wait(self._settings.relay_every):
            try:
                self.one_pass()
                self._moves("")
            except Unavailable as error:
                server = waiting.broker(self._settings)
                self._moves(server.kind)
                cause = error.__cause__ or error
                log.warning("relay_waits", reason=error.message, advice=waiting.advice_on(cause, server))
            except LOST as error:
                self._healthy_since = None
                self._moves("PostgreSQL")
                log.warning("relay_waits", reason=f"PostgreSQL did not answer ({type(error).__name__})")
            except Exception:  # the edge of the thread: a fault here must not end the relay
                self._moves(FAULT)
                log.exception("fault")

    def stop(self) -> None:
        """End after the pass under way."""
        self._stopping.set()

    def one_pass(self) -> None:
        """Judge the leases, then see whether the broker has lost something, and publish what is due.

        What is paused is told to the broker before anything is published there.

        Raises Unavailable when the broker is away; what PostgreSQL raises when it is.
        """
        self._expire_leases()
        self._transaction(partial(lost.pass_deadlines, most=self._settings.relay_batch))
        self._give_up_unstarted()
        self._sweep()
        self._losses.tell_pauses(self._read_pauses)
        self._losses.note()
        self._refill()
        for queue in QUEUES:
            for priority in Priority:
                self._bring_back(queue, priority)
        self._publish_due()

    def _transaction(self, work: Callable[[Connection], object]) -> None:
        with self._engine.begin() as connection:
            work(connection)

    def _expire_leases(self) -> None:
        """Nobody is judged dead until PostgreSQL was seen healthy for a whole lease without a break.

        After an outage, or after this process itself was stopped, every lease is stale: its worker may still renew it.
        """
        lease = timedelta(seconds=self._settings.lease)
        with self._engine.begin() as connection:
            now: datetime = connection.execute(select(NOW)).scalar_one()
            if self._healthy_since is None or now - self._last_pass > lease / 2:
                self._healthy_since = now
            self._last_pass = now
            if now - self._healthy_since < lease:
                return
            until = now + lease / 2
            expired = lost.expire_leases(connection, most=self._settings.relay_batch, until=until)
        if expired:
            log.warning("leases_ran_out", jobs=expired[:20], count=len(expired))

    def _give_up_unstarted(self) -> None:
        limit, most = self._settings.most_publications, self._settings.relay_batch
        with self._engine.begin() as connection:
            ended = lost.end_unstarted(connection, published=limit, most=most)
        if ended:
            log.error("never_started", jobs=ended[:20], count=len(ended), publications=limit)

    def _sweep(self) -> None:
        now = time.monotonic()
        if now < self._sweep_at:
            return
        # Before it is tried: one that fails is not to keep every pass from what comes after it.
        self._sweep_at = now + SWEEP_EVERY
        days, most = self._settings.retention_days, self._settings.relay_batch
        with self._engine.begin() as connection:
            count = lost.forget_finished(connection, days=days, most=most)
        if count == most:  # more may end in a minute than a batch holds: the next pass goes on
            self._sweep_at = now

    def _read_pauses(self) -> dict[str, Pause]:
        with self._engine.begin() as connection:
            return read_pauses(connection)

    def _refill(self) -> None:
        most = self._settings.relay_batch
        total = 0
        while not self._stopping.is_set():
            with self._engine.begin() as connection:
                count = lost.refill(connection, most=most)
            total += count
            if count < most:
                break
            self._moves("")
        if total:
            log.warning("refills", jobs=total)

    def _bring_back(self, queue: Queue, priority: Priority) -> None:
        absent = self._losses.absent_ids(queue, priority)
        if absent is None:
            return
        back: list[str] = []
        if absent:
            with self._engine.begin() as connection:
                back = lost.bring_back(connection, absent, confirm_after=self._settings.relay_every / 2)
        # In a transaction of its own: only within one statement are rows locked in id order.
        with self._engine.begin() as connection:
            lost.forget_found(connection, queue.name, priority, absent)
        if back:
            log.warning("messages_lost", queue=queue.name, jobs=back[:20], count=len(back))

    def _publish_due(self) -> None:
        most, timeout = self._settings.relay_batch, self._settings.publish_timeout
        while not self._stopping.is_set():
            with self._engine.begin() as connection:
                due = take_due(connection, most=most, publish_timeout=timeout)
            if due:
                self._publisher.publish(due)
                self._transaction(partial(mark_queued, published=due))
            if len(due) < most:
                return
            self._moves("")

    def close(self) -> None:
        """Close all connections."""
        self._publisher.close()
        self._losses.close()
        self._engine.dispose()
