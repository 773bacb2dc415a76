"""kombu's Redis channel, with claims in the place of BRPOP.

Publishing, addressing, declaring and fan-out are kombu's own.
"""

import os
import time
from functools import cached_property
from queue import Empty
from typing import Any

import redis
from kombu.transport import redis as stock
from kombu.utils.json import JSONEncoder
from redis.maint_notifications import MaintNotificationsConfig

from penstock_runtime.headers import DELIVERIES, ENQUEUED_AT
from penstock_runtime.transport import leavings
from penstock_runtime.transport.abandoned import Limits, dead_letter
from penstock_runtime.transport.in_flight import InFlight, in_flight_at
from penstock_runtime.transport.keys import UNACKED, QueueKeys
from penstock_runtime.transport.message import Claimed, Message
from penstock_runtime.transport.qos import QoS
from penstock_runtime.transport.rights import NotAllowed, lacking, sentence
from penstock_runtime.transport.scripts import BORN, BURY
from penstock_runtime.transport.turn import Turns
from penstock_runtime.transport.wire import Line, Wire

TIMEOUT = 5.0
"""Seconds for a connect, a write or an answer of Redis, where the application sets none: else one that hangs is waited
for as long as it hangs."""

READ_SIZE = 4096
"""Bytes of the buffer that a connection keeps for what it reads, also when it is closed; redis-py's has 65,536."""

CLAIM_READ_SIZE = 65536
"""The same of the connection for claims, whose answers have many messages."""

ENCODED = JSONEncoder().encode
"""kombu's JSON, for which kombu makes such an encoder for each message."""

OPTIONS = (
    "abandoned_after",
    "most_deliveries",
    "most_dead_letters",
    "poll_interval",
    "settle_within",
    "moving_from_stock",
)
"""Transport options that kombu's own transport does not have."""


class Channel(Turns, stock.Channel):
    """A channel of one Redis server.

    unacked_key: the hash of what is in flight, `{queue}` for the queue's name. abandoned_after, most_deliveries,
    most_dead_letters: see `Limits`. poll_interval: seconds between two looks at queues in which nothing happens.
    settle_within: seconds for which a settlement waits for others, while a worker has messages in reserve.
    moving_from_stock: also take what stock workers of kombu's own names leave.
    """

    Message: Any = Message
    QoS: Any = QoS
    from_transport_options: Any = stock.Channel.from_transport_options + OPTIONS

    unacked_key = UNACKED
    abandoned_after = Limits.abandoned_after
    most_deliveries = Limits.deliveries
    most_dead_letters = Limits.dead_letters
    poll_interval = 1.0
    settle_within = 0.02
    moving_from_stock = False
    socket_timeout: Any = TIMEOUT
    socket_connect_timeout: Any = TIMEOUT

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.no_ack_queues: set[str] = set()
        self._keys: dict[str, QueueKeys] = {}
        self._plain_client: Any = None
        self._line: Line | None = None
        self.start_turns()
        try:
            super().__init__(*arguments, **options)
        except redis.ResponseError as error:
            # A server that cannot save refuses even PING. Whoever connects tries again, and does not end.
            raise redis.ConnectionError(f"Redis refuses: {str(error)[:200]}") from error

    @property
    def outlives(self) -> bool:
        """Whether what was delivered goes on when the connection ends: a Celery worker's tasks do."""
        return self.connection is None or self.connection.outlives

    @cached_property
    def in_flight(self) -> InFlight:
        """What this process holds of this Redis, whichever channel claimed it. A worker's is apart from what its tasks
        read themselves: that takes none of its room, and does not go back when the worker's connection is lost."""
        info = self.connection.client
        server = f"{info.alt or info.hostname}:{info.port}/{info.virtual_host}"
        address = f"{info.userid or ''}@{server} {self.global_keyprefix} {'worker' if self.outlives else ''}"
        limits = Limits(self.abandoned_after, self.visibility_timeout, self.most_deliveries, self.most_dead_letters)
        pools = self._own_pool(), self._own_pool()
        return in_flight_at(address, lambda: InFlight(pools, limits, self.global_keyprefix))

    def _own_pool(self, **extra: Any) -> Any:
        """A pool that closes with its owner and not with this channel. It connects when first used."""
        self._extra = extra
        try:
            return self._get_pool()
        finally:
            self._extra = {}

    _extra: dict[str, Any] = {}  # noqa: RUF012

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        return dict(super()._connparams(asynchronous=asynchronous), socket_read_size=READ_SIZE) | self._extra

    @property
    def wire(self) -> Wire:
        """The connection for claims."""
        if self._wire is None:
            quiet = MaintNotificationsConfig(enabled=False)
            # No PING before a claim: each has its time-out, and they follow every second.
            own = {"protocol": 3, "maint_notifications_config": quiet, "health_check_interval": 0}
            pool = self._own_pool(socket_read_size=CLAIM_READ_SIZE, **own)
            self._wire = Wire(pool, self.connection.cycle.forget_wire)
        return self._wire

    @property
    def line(self) -> Line:
        """The connection for messages that are sent."""
        if self._line is None:
            self._line = Line(self.pool)
        return self._line

    @cached_property
    def client(self) -> Any:
        """One client, and so one connection, for all that is neither a claim nor a message sent nor fan-out."""
        return self._create_client()

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._plain_client is None:
            self._plain_client = super()._create_client()
        return self._plain_client

    def _disconnect_pools(self) -> None:
        self._plain_client = self._line = None
        super()._disconnect_pools()

    def keys_of(self, queue: str) -> QueueKeys:
        """The keys of a queue."""
        keys = self._keys.get(queue)
        if keys is None:
            names = {"prefix": self.global_keyprefix, "separator": self.sep, "unacked": self.unacked_key}
            if self.moving_from_stock:
                names["also"] = leavings.NAMES
            keys = self._keys[queue] = QueueKeys.of(queue, steps=self.priority_steps, **names)
        return keys

    @cached_property
    def leavings(self) -> leavings.Leavings:
        """What stock workers hold."""
        return leavings.Leavings(self)

    def work(self, most: float) -> int:
        """As a turn does; what stock workers left is looked for before it."""
        if self.moving_from_stock and self.active_queues:
            self.leavings.sweep()
        return super().work(most)

    def get_table(self, exchange: str) -> Any:
        """The bindings of an exchange, also those that were written with kombu's own separator."""
        return leavings.resplit(super().get_table(exchange), self.sep)

    def basic_consume(self, queue: str, no_ack: bool, *arguments: Any, **options: Any) -> Any:
        others = (self.keys_of(other).unacked for other in self.active_queues if other != queue)
        if self.keys_of(queue).unacked in others:
            raise ValueError(
                f"unacked_key {self.unacked_key!r} names one hash for several queues; put {{queue}} into it"
            )
        if queue not in self._fanout_queues:
            self._require_rights(queue)
        if no_ack:
            self.no_ack_queues.add(queue)
        else:
            self.no_ack_queues.discard(queue)
        answer = super().basic_consume(queue, no_ack, *arguments, **options)
        if queue in self.active_queues:
            self.in_flight.look_after(self.keys_of(queue))
            self.in_flight.begun |= self.outlives
            self._due, self._said_at = True, float("-inf")
        # Idle from here on. What still needs it connects anew.
        self.pool.disconnect(inuse_connections=False)
        return answer

    def _require_rights(self, queue: str) -> None:
        """Raise NotAllowed where a script would fail half done; a worker that runs tasks already tries again."""
        names = self._wake_key, self.global_keyprefix + BORN
        rules = lacking(self.in_flight.client().connection_pool, self.keys_of(queue), *names)
        if rules:
            said = sentence(self.connection.client.userid or "default", queue, rules)
            raise redis.ConnectionError(said) if self.in_flight.begun else NotAllowed(said)

    def _basic_cancel(self, consumer_tag: str) -> None:
        queue = self._tag_to_queue.get(consumer_tag)
        if queue is not None and queue in self.active_queues:
            self.hand_over()
            self.give_back_undelivered(queue)
            self.in_flight.forget(self.keys_of(queue))
        super()._basic_cancel(consumer_tag)
        self.settled()

    def basic_get(self, queue: str, no_ack: bool = False, **options: Any) -> Any:
        message = super().basic_get(queue, no_ack=no_ack, **options)
        if message is not None and no_ack:
            self.in_flight.settle(message.delivery_tag)
            self.settled()
        return message

    def _next_delivery_tag(self) -> str:
        # As random as kombu's, in less time.
        return os.urandom(16).hex()

    def _get(self, queue: str, timeout: Any = None) -> Claimed:
        keys = self.keys_of(queue)
        claimed, _ = self.run_turn([keys], 1, 0, "0")
        self._maybe_update_queues_expire(self.client, queue)
        for _, tag, raw in claimed:
            self.in_flight.hold(tag, keys, raw)
            message = self.read(keys, tag, raw)
            if message is not None:
                return Claimed(message, tag)
        raise Empty

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        message["properties"].setdefault(ENQUEUED_AT, round(time.time(), 3))
        # A task that sends itself again sends its headers with it; no process has died with the new message.
        if DELIVERIES in (headers := message.get("headers") or {}):
            message = message | {"headers": {name: headers[name] for name in headers if name != DELIVERIES}}
        if options.get("_publish_batch") or queue in self._expires:
            super()._put(queue, message, **options)
        else:
            name = self._q_for_pri(queue, self._get_message_priority(message, reverse=False))
            self.line.ask("LPUSH", f"{self.global_keyprefix}{name}", ENCODED(message))

    def settled(self) -> None:
        """Something was settled. A worker tells Redis at its next turn; whoever has no turns, at once."""
        if not self.outlives and self.in_flight.has_settled:
            self.in_flight.flush()

    def dead_letter(self, delivery_tag: str, reason: str, error: str | None) -> None:
        """Move a delivery to the dead letters. `reason` is a code, `error` what a person is told."""
        if self._qos is not None:
            self._qos._delivered.pop(delivery_tag, None)
        self.bury(delivery_tag, reason, error)

    def bury(self, tag: str, reason: str, error: str | None) -> None:
        """The same for what was not delivered yet. Raises what redis-py does; it is still in flight then."""
        held = self.in_flight.held(tag)
        if held is None:
            return
        keys, text = held.keys, held.raw.decode(errors="replace")
        letter = dead_letter(text, reason, error, 1, at=round(time.time(), 3))
        names = keys.unacked, keys.index, keys.dead, keys.dead_index
        self.in_flight.client().register_script(BURY.text)(names, (tag, letter, self.most_dead_letters, ""))
        self.in_flight.drop(tag)

    def close(self) -> None:
        if not self.closed and self._wire is not None:
            self.hand_over()
        self.give_back_undelivered()
        if self._wire is not None:
            self._wire.close()
        super().close()
