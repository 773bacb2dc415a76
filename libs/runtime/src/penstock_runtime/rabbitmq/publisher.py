"""Publishes to RabbitMQ: many messages in a row, and then all of their confirms."""

import json
import time
from collections.abc import Sequence
from typing import Any

import amqp

from penstock_contracts.queues import QUEUES
from penstock_runtime.broker import about, make_app
from penstock_runtime.errors import Unavailable
from penstock_runtime.headers import HEADER
from penstock_runtime.ledger.publish import Publication
from penstock_runtime.rabbitmq.server import closed_at_errors, connect, declare, rabbitmq_errors
from penstock_runtime.rabbitmq.transport import to_wire
from penstock_runtime.settings import RuntimeSettings

LARGEST_GROUP = 500
"""Messages that are confirmed together at the most, within `rabbitmq_timeout`."""


class RabbitPublisher:
    """Puts the ledger's messages into RabbitMQ, over one connection that it makes when it is first needed.

    For one thread. Everything it does ends within a few `rabbitmq_timeout`s for each group of messages.
    """

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._messages = make_app(settings=settings).amqp
        self._line: _Line | None = None

    def publish(self, publications: Sequence[Publication]) -> None:
        """Publish in order, and return once RabbitMQ has confirmed all: it has written them to its disk.

        Raises Unavailable where it does not; any of them may be in RabbitMQ all the same.
        """
        if self._line is not None and not self._line.is_open():
            self.close()
        self._line = self._line or _Line(self._settings)
        try:
            for begin in range(0, len(publications), LARGEST_GROUP):
                group = publications[begin : begin + LARGEST_GROUP]
                self._line.send([(item.queue, self._message(item)) for item in group])
        except BaseException:
            self.close()
            raise

    def _message(self, item: Publication) -> amqp.Message:
        headers, properties, body, _ = self._messages.as_task_v2(
            item.job_id, item.task, (), item.payload, **(item.embed or {})
        )
        return amqp.Message(
            json.dumps(body),
            application_headers=headers | {HEADER: about(item)},
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
            priority=to_wire(item.priority),
            **properties,
        )

    def close(self) -> None:
        """Close its connection."""
        line, self._line = self._line, None
        if line is not None:
            line.close()


class _Line:
    """A connection with confirms. A message that finds no queue comes back, and is none that was confirmed."""

    def __init__(self, settings: RuntimeSettings) -> None:
        """Connect, and have every queue. Raises Unavailable."""
        self._settings = settings
        self._sent = 0
        self._unconfirmed: set[int] = set()
        self._refused = ""
        with rabbitmq_errors():
            self._connection = connect(settings)
        with closed_at_errors(self._connection):
            self._channel = self._connection.channel()
            self._channel.confirm_select()
            for queue in QUEUES:
                declare(self._channel, queue)
        self._channel.events["basic_ack"].add(self._on_confirm)
        self._channel.events["basic_nack"].add(self._on_refusal)
        self._channel.events["basic_return"].add(self._on_return)

    def is_open(self) -> bool:
        """Whether the server has not closed it since it was last used."""
        try:
            self._connection.drain_events(timeout=0)
        except TimeoutError:
            pass
        except (amqp.AMQPError, OSError):
            return False
        return bool(self._connection.connected and self._channel.is_open)

    def send(self, messages: Sequence[tuple[str, amqp.Message]]) -> None:
        """Send to queues, and wait for the confirms. Raises Unavailable."""
        with closed_at_errors(self._connection):
            for queue, message in messages:
                # Before it is sent: what has come from the server is read along with each.
                self._sent += 1
                self._unconfirmed.add(self._sent)
                self._channel.basic_publish(message, routing_key=queue, mandatory=True)
            until = time.monotonic() + self._settings.rabbitmq_timeout
            while self._unconfirmed:
                self._connection.drain_events(timeout=max(0.001, until - time.monotonic()))
        if self._refused:
            raise Unavailable(f"RabbitMQ did not take a message ({self._refused})")

    def _on_confirm(self, tag: int, multiple: bool) -> None:
        self._unconfirmed -= {one for one in self._unconfirmed if one <= tag} if multiple else {tag}

    def _on_refusal(self, tag: int, multiple: bool) -> None:
        self._refused = "refused"
        self._on_confirm(tag, multiple)

    def _on_return(self, error: amqp.AMQPError, exchange: str, routing_key: str, message: Any) -> None:
        self._refused = f"the queue {routing_key} is not there"

    def close(self) -> None:
        """Close it without a word: nobody waits for an answer."""
        self._connection.collect()
