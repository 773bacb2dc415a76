"""The one place where a Celery app is made, and where messages go out."""

import base64
import gc
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import redis
from celery import Celery, signals
from celery.exceptions import QueueNotFound
from kombu.entity import Exchange, Queue

from penstock_contracts import tasks
from penstock_contracts.queues import QUEUES, SEPARATOR, Priority, list_name
from penstock_runtime import logging, redis_server
from penstock_runtime.celery_tasks import add_tasks
from penstock_runtime.errors import Unavailable
from penstock_runtime.headers import HEADER
from penstock_runtime.heartbeat import Heartbeat
from penstock_runtime.incoming import NEVER
from penstock_runtime.ledger.publish import Publication
from penstock_runtime.rabbitmq.server import ARGUMENTS, tls_options
from penstock_runtime.rabbitmq.transport import install as install_rabbitmq
from penstock_runtime.schedule import Entry
from penstock_runtime.settings import RuntimeSettings, load_or_exit
from penstock_runtime.transport import install, sending
from penstock_runtime.worker import Served

VISIBILITY_MARGIN = 120
"""Seconds by which the visibility timeout exceeds the hard limit, so that a running message is not handed out again."""


class Amqp(sending.Amqp):
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
    install()
    install_rabbitmq()
    app = Celery("penstock", amqp=Amqp, set_as_current=False)
    app.conf.update(
        broker_url=settings.broker_url,
        result_backend=settings.result_backend,
        task_queues=[
            Queue(
                q.name,
                Exchange(q.name, type="direct"),
                routing_key=q.name,
                queue_arguments=ARGUMENTS if settings.uses_rabbitmq else None,
            )
            for q in QUEUES
        ],
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
        **(rabbitmq_options(settings) if settings.uses_rabbitmq else redis_options(settings)),
        worker_hijack_root_logger=False,
        beat_scheduler="penstock_runtime.scheduler:LedgerScheduler",
        timezone="UTC",
    )
    app.penstock = settings
    app.penstock_heartbeat = Heartbeat(settings)
    app.penstock_schedule = tuple(schedule)
    add_tasks(app, served, settings)
    _connect_signals(app, settings)
    return app


def _refuse_undeclared(name: str, args: Any, kwargs: Any, options: dict[str, Any], **_: Any) -> None:
    """The last route: else a mistyped name would go to the default queue, whose worker throws it away."""
    if "queue" not in options:
        raise QueueNotFound(f"the task {name} is not declared; declare it, or name a queue for it")


def redis_options(settings: RuntimeSettings) -> dict[str, Any]:
    """What Celery is told of Redis."""
    return {
        "broker_transport_options": transport_options(settings),
        "worker_consumer": "penstock_runtime.consumer:Consumer",
    }


def rabbitmq_options(settings: RuntimeSettings) -> dict[str, Any]:
    """What Celery is told of RabbitMQ."""
    return {
        "broker_use_ssl": tls_options(settings),
        # Without, a publish that RabbitMQ refuses or loses looks like one that it took.
        "broker_transport_options": {"confirm_publish": True},
        # RabbitMQ closes the channel of a message that runs for longer than its consumer_timeout: no reason to end.
        "broker_channel_error_retry": True,
        # RabbitMQ 4.3 refuses queues that are neither durable nor exclusive, and an exclusive one would be refused to a
        # worker that is back before its old connection is given up.
        "control_queue_durable": True,
        "event_queue_durable": True,
        "worker_consumer": "penstock_runtime.rabbitmq.consumer:Consumer",
    }


def transport_options(settings: RuntimeSettings) -> dict[str, Any]:
    """Options of the Redis transport, so that lists and hashes are called as `queues.py` says."""
    return {
        "sep": SEPARATOR,
        "priority_steps": [priority.value for priority in Priority],
        # Of a stock worker that shares a queue: it gives no sign of life for what it runs.
        "visibility_timeout": max(queue.time_limit for queue in QUEUES) + VISIBILITY_MARGIN,
        "socket_connect_timeout": settings.redis_timeout,
        # A worker's read waits on the server for a second; a hung server must still be noticed.
        "socket_timeout": max(5.0, settings.redis_timeout),
        "socket_keepalive": True,
        "health_check_interval": 15,
        **redis_server.sentinel_options(settings),
    }


def _connect_signals(app: Celery, settings: RuntimeSettings) -> None:
    def set_up_logging(**_: Any) -> None:
        logging.configure(settings)

    signals.setup_logging.connect(set_up_logging, weak=False)
    signals.worker_before_create_process.connect(share_memory, weak=False)


def share_memory(**_: Any) -> None:
    """What is there when a process forks stays as it is: a collection writes to each object that it looks at, of which
    the child would then have a copy of its own."""
    gc.collect()
    gc.freeze()


class Publisher:
    """Puts the ledger's messages into Redis. Everything it does ends within a few `redis_timeout`s."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._messages = make_app(settings=settings).amqp
        self._redis = redis_server.client(settings)

    def publish(self, publications: Sequence[Publication]) -> None:
        """Publish in order, in one round trip.

        Raises Unavailable where Redis does not confirm them; any of them may be in Redis all the same.
        """
        lists: dict[str, list[str]] = {}
        for item in publications:
            lists.setdefault(list_name(item.queue, item.priority), []).append(self._message(item))
        with redis_errors(), self._redis.pipeline(transaction=False) as pipeline:
            for name, messages in lists.items():
                pipeline.lpush(name, *messages)
            pipeline.execute()

    def _message(self, item: Publication) -> str:
        """The text that kombu's Redis transport puts on a list for Celery's message of this job.

        kombu's producer would take twice as long, most of it for a client of its own that it makes for each group.
        """
        headers, properties, body, _ = self._messages.as_task_v2(
            item.job_id, item.task, (), item.payload, **(item.embed or {})
        )
        return json.dumps(
            {
                "body": base64.b64encode(json.dumps(body).encode()).decode(),
                "content-encoding": "utf-8",
                "content-type": "application/json",
                "headers": headers | {HEADER: about(item)},
                "properties": properties
                | {
                    "delivery_mode": 2,
                    "delivery_info": {"exchange": "", "routing_key": item.queue},
                    "priority": int(item.priority),
                    "body_encoding": "base64",
                    "delivery_tag": str(uuid4()),
                },
            }
        )

    def close(self) -> None:
        """Close its connections."""
        self._redis.close()


def about(item: Publication) -> dict[str, Any]:
    """What the header of a message of the ledger's says."""
    return {"published_at": item.stamp.isoformat(), "attempts_left": item.attempts_left, "alone": item.alone}


@contextmanager
def redis_errors() -> Iterator[None]:
    """What Redis and sockets raise when Redis is away becomes Unavailable."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise Unavailable(f"Redis did not do what was asked ({type(error).__name__})") from error
