"""How an application's tasks are sent: as Celery does it, without what it does again for each message."""

from collections.abc import Callable
from functools import cached_property
from inspect import signature
from typing import Any

from celery.app.amqp import AMQP
from kombu.entity import Queue
from kombu.messaging import Producer
from kombu.pools import ProducerPool
from kombu.serialization import dumps

KOMBUS = frozenset(signature(Producer.publish).parameters)
"""What kombu's publish makes something of; the rest are properties of the message."""

CELERYS = {"exchange", "routing_key", "serializer", "headers", "delivery_mode", "reply_to"}
"""What Celery says of each message."""

ASKING = ("retry", "declare", "compression", "timeout", "confirm_timeout")
"""What Celery says of each message too, and what asks kombu for more where it is not empty."""

SELDOM = KOMBUS - CELERYS - {*ASKING, "retry_policy", "priority"}
"""What asks kombu for more wherever it is said: an expiry, a content type."""

NUMBERS = (int, float, bool, type(None))


class Amqp(AMQP):
    """Celery's messages. A queue is declared once over a connection, and a connection looked after when it fails.

    Celery binds the queue to the channel anew for each message to ask whether it is declared, wraps each publish for
    the case that it fails, and takes a producer from one pool and its connection from another.
    """

    _producer_pool: Any = None  # Celery forgets it in a forked child

    @property
    def producer_pool(self) -> Any:
        """The application's producers."""
        if self._producer_pool is None:
            self._producer_pool = Producers(self.app.pool)
        return self._producer_pool

    @cached_property
    def send_task_message(self) -> Callable[..., Any]:
        """Celery's own sender, called in the way that does least."""
        send = super().send_task_message
        retries = self.app.conf.task_publish_retry

        def send_once(producer: Any, name: str, message: Any, **options: Any) -> Any:
            plainly = retries and options.get("retry") is None and options.get("declare") is None
            if plainly and _is_declared(producer, options.get("queue")):
                try:
                    return send(producer, name, message, **options | {"declare": [], "retry": False})
                except producer.connection.recoverable_connection_errors:
                    pass  # Celery's way, which connects and declares anew, is what remains
            return send(producer, name, message, **options)

        return send_once

    def as_task_v2(
        self, task_id: str, name: str, args: Any = None, kwargs: Any = None, *more: Any, **options: Any
    ) -> Any:
        """Celery's message of a task. Its arguments are shown as Celery shows them."""
        if options.get("argsrepr") is None and type(args) is tuple:
            options["argsrepr"] = plain(args, self.argsrepr_maxsize)
        if options.get("kwargsrepr") is None and kwargs == {}:
            options["kwargsrepr"] = "{}"
        return super().as_task_v2(task_id, name, args, kwargs, *more, **options)


class KeptProducer(Producer):
    """kombu's, which stays with its connection. What Celery sends to a declared queue goes straight to the channel."""

    def publish(self, body: Any, *places: Any, **options: Any) -> Any:
        """As kombu's."""
        if places or not _is_straight(options) or getattr(self._batch_local, "current", None) is not None:
            return super().publish(body, *places, **options)
        kind, encoding, text = dumps(body, serializer=options["serializer"])
        properties = {name: value for name, value in options.items() if name not in KOMBUS}
        properties["delivery_mode"] = options["delivery_mode"]
        channel = self.channel
        priority = options.get("priority", 0)
        message = channel.prepare_message(text, priority, kind, encoding, options["headers"], properties)
        return channel.basic_publish(message, "", options["routing_key"])


class Producers(ProducerPool):
    """A producer for each connection, which stays with it. Whose turn it is, how many there are and how long is waited
    for one is the business of the connections' pool; Celery's asks two pools, and copies an exchange for each message.
    """

    def setup(self) -> None:
        """Nothing is made before it is asked for."""

    def acquire(self, block: bool = False, timeout: float | None = None) -> Any:
        """A producer; its `release` gives its connection back. Raises what the connections' pool does."""
        connection = self.connections.acquire(block=block, timeout=timeout)
        producer: Any = getattr(connection, "producer", None)
        if producer is None or producer._channel is not connection._default_channel:
            producer = connection.producer = KeptProducer(connection)
        producer.release = connection.release
        return producer


def _is_straight(options: dict[str, Any]) -> bool:
    if not (options.keys() >= CELERYS and SELDOM.isdisjoint(options)) or any(map(options.get, ASKING)):
        return False
    return options["exchange"] == "" and type(options["delivery_mode"]) is int and type(options["reply_to"]) is str


def _is_declared(producer: Any, queue: Any) -> bool:
    # Its hash is the name by which kombu itself remembers what was declared over this connection.
    known = isinstance(queue, Queue) and queue.can_cache_declaration
    return known and hash(queue) in producer.connection.declared_entities


def plain(values: tuple[Any, ...], longest: int | None) -> str | None:
    """What Celery's `saferepr` makes of these, where that is what `repr` does at a ninth of the cost; else None."""
    if not all(map(_is_plain, values)):
        return None
    text = repr(values)
    return text if longest is None or len(text) < longest else None


def _is_plain(value: Any) -> bool:
    if type(value) is str:
        return value.isascii() and value.isprintable() and "'" not in value and "\\" not in value
    return type(value) in NUMBERS
