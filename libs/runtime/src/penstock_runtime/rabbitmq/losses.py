"""What the relay asks of RabbitMQ: whether it is still the one that was published to, and how much it holds.

A message cannot be looked at without taking it, so that messages are counted and not read.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import amqp
import structlog
from sqlalchemy import Engine

from penstock_contracts.queues import Priority, Queue
from penstock_runtime.ledger import lost
from penstock_runtime.ledger.pauses import Pause
from penstock_runtime.rabbitmq.server import closed_at_errors, connect, declare, exists, rabbitmq_errors
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

MARKER = "penstock.relay."
"""Begins the name of an empty durable queue, which the ledger knows. A RabbitMQ that does not have it was wiped, or is
another one."""

MOST_COUNTED = 10_000
"""A queue that holds more says nothing about single messages: they would be as many rows to look through."""


class RabbitLosses:
    """The relay's view, over one connection that it makes when it is first needed. For one thread."""

    def __init__(self, settings: RuntimeSettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._connection: amqp.Connection | None = None

    def tell_pauses(self, read: Callable[[], Mapping[str, Pause]]) -> None:
        """Nothing: RabbitMQ cannot pause a queue."""

    def note(self) -> None:
        """Note in the ledger where RabbitMQ is without the marker, and that a relay lives.

        Raises Unavailable; what PostgreSQL raises.
        """
        self._look_for_marker()
        with self._engine.begin() as connection:
            lost.next_epoch(connection, every=self._settings.relay_every)

    def _look_for_marker(self) -> None:
        with self._engine.begin() as connection:
            seen = lost.read_counter(connection)
        with self._channel() as opened:
            if seen.run_id is not None and exists(opened, seen.run_id):
                return
        # Before the ledger hears of it, so that no relay finds a name there whose queue is still to be made.
        marker = f"{MARKER}{uuid4()}"
        with self._channel() as opened:
            opened.queue_declare(marker, durable=True, auto_delete=False)
        with self._engine.begin() as connection:
            if seen.run_id is None:
                lost.first_sight(connection, marker)
            elif lost.note_loss(connection, seen, known=0, run_id=marker, margin=1) is not None:
                log.warning("rabbitmq_lost_data", then="publishing again")
            won = lost.read_counter(connection).run_id == marker
        superfluous = seen.run_id if won else marker
        if superfluous is not None:
            with self._channel() as opened:
                opened.queue_delete(superfluous)

    def absent_ids(self, queue: Queue, priority: Priority) -> list[str] | None:
        """Rows of jobs whose message RabbitMQ cannot hold any more: it holds no more than its newest ones.

        A copy of a job, or another sender's message, counts for one of them, so that a loss may be found later, when
        the queue is shorter. What a worker took and has not started within `start_within` counts as lost.

        None: nothing can be said. Raises Unavailable.
        """
        with self._channel() as opened:
            ready = declare(opened, queue)
        if ready > MOST_COUNTED:
            return None
        which = lost.beyond(queue.name, priority, newest=ready, older_than=self._settings.start_within)
        with self._engine.begin() as connection:
            return lost.absent_ids(connection, which, most=self._settings.relay_batch)

    @contextmanager
    def _channel(self) -> Iterator[amqp.Channel]:
        if self._connection is None or not self._connection.connected:
            with rabbitmq_errors():
                self._connection = connect(self._settings)
        with closed_at_errors(self._connection):
            opened = self._connection.channel()
            yield opened
            if opened.is_open:
                opened.close()

    def close(self) -> None:
        """Close its connection."""
        if self._connection is not None:
            self._connection.collect()
