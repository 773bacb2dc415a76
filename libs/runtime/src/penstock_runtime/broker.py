"""The one place where a Celery app is made, and where messages go out."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from celery import Celery, signals
from celery.app.amqp import AMQP
from celery.exceptions import QueueNotFound
from kombu.entity import Exchange, Queue
from kombu.exceptions import BatchPublishError, LimitExceeded, OperationalError
from kombu.messaging import Producer

from penstock_contracts import tasks
from penstock_contracts.queues import BY_NAME, QUEUES, SEPARATOR, Priority
from penstock_runtime import logging, redis_server
from penstock_runtime.celery_tasks import add_tasks
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger.publish import Publication
from penstock_runtime.schedule import Entry
from penstock_runtime.settings import RuntimeSettings, load_or_exit
from penstock_runtime.worker import Served

HEADER = "penstock"
"""Marks a message of the ledger's, and holds the stamp of its publication (ISO 8601)."""

SHARED_UNACKED = "unacked"
"""In-flight keys of a worker that consumes several queues: kombu has one set of them for a whole connection."""

VISIBILITY_MARGIN = 120
"""Seconds by which the visibility timeout exceeds the hard limit, so that a running message is not handed out again."""

NEVER = "-"


class Amqp(AMQP):
    """Celery's messages, but without the arguments in the headers, where events and logs would show them."""

    def as_task_v2(self, *args: Any, **options: Any) -> Any:
        return super().as_task_v2(*args, **options | {"argsrepr": NEVER, "kwargsrepr": NEVER})


def make_app(
    served: Iterable[Served[Any, Any]] = (),
    settings: RuntimeSettings | None = None,
    *,
    schedule: Iterable[Entry] = (),
) -> Celery:
    """A Celery app that knows every queue and route, and runs the tasks in `served`; its beat runs `schedule`.

    To be called at a process's edge: without `settings` it reads the environment, and ends the process with one line
    where that is wrong.
    """
    settings = settings or load_or_exit(RuntimeSettings)
    app = Celery("penstock", amqp=Amqp, set_as_current=False)
    app.conf.update(
        broker_url=settings.broker_url,
        result_backend=settings.result_backend,
        task_queues=[Queue(q.name, Exchange(q.name, type="direct"), routing_key=q.name) for q in QUEUES],
        task_routes=[{name: {"queue": task.queue.name} for name, task in tasks.BY_NAME.items()}, _refuse_undeclared],
        task_create_missing_queues=False,
        task_default_queue=QUEUES[0].name,
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        # After a lost connection it would take one message every two seconds for ever: the gevent pool's size, from
        # which Celery 5.6.3 makes the new count, is the number of jobs that run just then.
        worker_enable_prefetch_count_reduction=False,
        broker_connection_retry_on_startup=True,
        # None is for ever: with a number, a worker gives up and leaves with status 0.
        broker_connection_max_retries=None,
        broker_transport_options=transport_options(settings, SHARED_UNACKED, max(q.time_limit for q in QUEUES)),
        worker_hijack_root_logger=False,
        beat_scheduler="penstock_runtime.scheduler:LedgerScheduler",
        timezone="UTC",
    )
    app.penstock = settings
    app.penstock_schedule = tuple(schedule)
    add_tasks(app, served, settings)
    _connect_signals(app, settings)
    return app


def _refuse_undeclared(name: str, args: Any, kwargs: Any, options: dict[str, Any], **_: Any) -> None:
    """The last route: else a mistyped name would go to the default queue, whose worker throws it away."""
    if "queue" not in options:
        raise QueueNotFound(f"the task {name} is not declared; declare it, or name a queue for it")


def transport_options(settings: RuntimeSettings, unacked: str, time_limit: int) -> dict[str, Any]:
    """Options of kombu's Redis transport, so that lists and hashes are called as `queues.py` says."""
    return {
        "sep": SEPARATOR,
        "priority_steps": [priority.value for priority in Priority],
        "queue_order_strategy": "priority",
        "unacked_key": unacked,
        "unacked_index_key": f"{unacked}_index",
        "unacked_mutex_key": f"{unacked}_mutex",
        "visibility_timeout": time_limit + VISIBILITY_MARGIN,
        "socket_connect_timeout": settings.redis_timeout,
        # A worker's read waits on the server for a second; a hung server must still be noticed.
        "socket_timeout": max(5.0, settings.redis_timeout),
        "socket_keepalive": True,
        "health_check_interval": 15,
        **redis_server.sentinel_options(settings),
    }


def _connect_signals(app: Celery, settings: RuntimeSettings) -> None:
    def own_unacked_key(sender: Any, instance: Any, **_: Any) -> None:
        if instance.app is not app:
            return
        names = list(app.amqp.queues.consume_from)
        if len(names) == 1 and names[0] in BY_NAME:
            queue = BY_NAME[names[0]]
            app.conf.broker_transport_options = transport_options(settings, queue.unacked_key, queue.time_limit)

    def set_up_logging(**_: Any) -> None:
        logging.configure(settings)

    signals.celeryd_after_setup.connect(own_unacked_key, weak=False)
    signals.setup_logging.connect(set_up_logging, weak=False)


class Publisher:
    """Puts the ledger's messages into Redis. Everything it does ends within a few `redis_timeout`s."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._app = make_app(settings=settings)
        # A connection is tried once: kombu would go on trying for four seconds, with pauses.
        self._app.conf.broker_transport_options |= {"socket_timeout": settings.redis_timeout, "max_retries": 0}
        self._connections = self._app.connection_for_write().Pool(limit=settings.database_connections)
        self._timeout = settings.redis_timeout

    def publish(self, publications: Sequence[Publication]) -> None:
        """Publish in order, in one round trip.

        Raises Unavailable where Redis does not confirm them; any of them may be in Redis all the same.
        """
        with self._producer() as producer, redis_errors(), producer.batch():
            for item in publications:
                headers, properties, body, _ = self._app.amqp.as_task_v2(
                    item.job_id, item.task, (), item.payload, **(item.embed or {})
                )
                producer.publish(
                    body,
                    # The default exchange leads to the queue of that name without asking Redis for bindings.
                    exchange="",
                    routing_key=item.queue,
                    priority=int(item.priority),
                    headers=headers | {HEADER: {"published_at": item.stamp.isoformat()}},
                    serializer="json",
                    delivery_mode=2,
                    **properties,
                )

    @contextmanager
    def _producer(self) -> Iterator[Producer]:
        with redis_errors():
            connection = self._connections.acquire(block=True, timeout=self._timeout)
        try:
            with redis_errors():
                producer = Producer(connection)
            yield producer
        except BaseException:
            # It may be in the middle of an answer: the next message starts with a new one.
            self._connections.replace(connection)
            raise
        connection.release()

    def close(self) -> None:
        """Close its connections."""
        self._connections.force_close_all()


@contextmanager
def redis_errors() -> Iterator[None]:
    """What Redis, kombu and sockets raise when Redis is away becomes Unavailable."""
    try:
        yield
    except (redis.RedisError, OperationalError, BatchPublishError, LimitExceeded, OSError) as error:
        raise Unavailable(f"Redis did not take the message ({type(error).__name__})") from error
