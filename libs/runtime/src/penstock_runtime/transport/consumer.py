"""Celery's consumer over our transport: its tasks outlive its connection."""

from typing import Any

import redis
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.message import Message as KombuMessage
from redis.exceptions import NoPermissionError

from penstock_runtime.transport.log import Log
from penstock_runtime.transport.message import Message
from penstock_runtime.transport.rights import NotAllowed
from penstock_runtime.transport.wire import Refusing, meaning

log = Log(__name__)

SETTLES = (KombuMessage.ack_log_error, KombuMessage.reject_log_error)


class Consumer(CeleryConsumer):
    """Settles at once, in whatever thread a task ended, and keeps what runs when the connection is lost."""

    _kept: frozenset[str] | set[str] = frozenset()
    """Deliveries that the pool has, and goes on with, since an earlier connection."""

    class Blueprint(CeleryConsumer.Blueprint):
        """Celery's steps. A Redis that refuses what they ask of it is a lost connection, and not the worker's end."""

        def start(self, parent: Any) -> None:
            """Start the steps, and consume."""
            try:
                super().start(parent)
            except redis.ResponseError as error:
                if isinstance(error, NoPermissionError) and not parent.has_begun:
                    raise
                meant = meaning(error)
                raise redis.ConnectionError(str(meant)) if isinstance(meant, Refusing) else meant from error

    def start(self) -> None:
        """Consume until the worker stops. Ends the process with status 1 where Redis allows its user too little."""
        try:
            super().start()
        except NotAllowed as error:
            log.error("stopped", reason=error.message)
            raise SystemExit(1) from None
        except NoPermissionError as error:  # kombu's own, when it declares
            log.error("stopped", reason=f"{error} (docs/transport.md lists what this user of Redis needs)")
            raise SystemExit(1) from None

    @property
    def has_begun(self) -> bool:
        """Whether it has consumed before, so that something may run."""
        in_flight = self._in_flight()
        return in_flight is not None and in_flight.begun

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        """A connection whose deliveries outlive it."""
        connection = super().connection_for_read(heartbeat)
        connection.transport.outlives = True
        # Not `num_processes`, which is a gevent pool's running tasks.
        connection.transport.slots = self.pool.limit or float("inf")
        return connection

    def call_soon(self, p: Any, *arguments: Any, **options: Any) -> Any:
        """Settling is a note in this process's book, and needs no loop: one that is reset would forget it."""
        if getattr(p, "__func__", None) in SETTLES and isinstance(p.__self__, Message):
            p(*arguments, **options)
            answer = None
        else:
            answer = super().call_soon(p, *arguments, **options)
        if self.connection:
            self.connection.transport.cycle.ring()
        return answer

    def on_close(self) -> None:
        """Celery drops what the pool has not begun; it goes back to its queue."""
        self._give_back_dropped()
        super().on_close()
        mark_busy_children(self.pool)

    def _give_back_dropped(self) -> None:
        in_flight = self._in_flight()
        if in_flight is None:
            return
        goes_on = set(state.active_requests)
        if not getattr(self.pool, "uses_semaphore", False):  # any but prefork's drops nothing that it was given
            goes_on |= set(state.reserved_requests)
        # Celery forgets at each lost connection what was reserved before it.
        kept = self._kept | {request.message.delivery_tag for request in goes_on}
        for tag in in_flight.tags(newest_first=True):
            if tag not in kept:
                in_flight.give_back(tag, front=True)
        self._kept = {tag for tag in kept if in_flight.is_held(tag)}

    def apply_eta_task(self, task: Any) -> None:
        """Its time has come."""
        if self._is_still_held(task):
            super().apply_eta_task(task)

    def _limit_post_eta(self, request: Any, bucket: Any, tokens: int) -> Any:
        """The same, of a task with a rate limit."""
        return super()._limit_post_eta(request, bucket, tokens) if self._is_still_held(request) else None

    def _is_still_held(self, request: Any) -> bool:
        """Whether it is still this process's. A timer may outlive its connection, with which the message went back."""
        message, in_flight = request.message, self._in_flight()
        if in_flight is None or not isinstance(message, Message) or in_flight.is_held(message.delivery_tag):
            return True
        if message.channel is self.task_consumer.channel:
            self.qos.decrement_eventually()
        return False

    def _in_flight(self) -> Any:
        consumer = getattr(self, "task_consumer", None)
        channel = getattr(consumer, "channel", None)
        return getattr(channel, "__dict__", {}).get("in_flight")


def mark_busy_children(pool: Any) -> None:
    """Celery has forgotten which child processes run something, and the next message would wait behind a task."""
    children: Any = getattr(pool, "_pool", None)
    busy = getattr(children, "_busy_workers", None)
    if busy is not None:
        for job in list(children._cache.values()):
            child = getattr(job, "_write_to", None)
            if child is not None:
                busy.add(child.inqW_fd)
