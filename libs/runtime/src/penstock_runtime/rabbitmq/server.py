"""The RabbitMQ server itself: connections to it, its queues, and what makes it unfit for jobs."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import amqp
from kombu.utils.url import parse_url

from penstock_contracts.queues import QUEUES, Priority, Queue
from penstock_runtime.errors import SettingsError, Unavailable
from penstock_runtime.settings import RuntimeSettings

STEPS = max(Priority)
"""The most urgent priority on the wire. There 0 is the least urgent, as a message without priority is."""

ARGUMENTS = {"x-max-priority": int(STEPS)}
"""What a queue is declared with. RabbitMQ refuses whoever declares it with others."""


class Misdeclared(Unavailable):
    """A queue is there with other arguments than ours."""


def place_of(settings: RuntimeSettings) -> dict[str, Any]:
    """The parts of the broker's URL as kombu reads it: `hostname`, `port`, `userid`, `password`, `virtual_host` …"""
    return dict(parse_url(settings.broker_url))


def tls_options(settings: RuntimeSettings) -> dict[str, Any] | bool:
    """What py-amqp is told of TLS; False without it."""
    url = place_of(settings)
    if url["transport"] != "amqps":
        return False
    if not settings.rabbitmq_tls_verify:
        return {"cert_reqs": ssl.CERT_NONE}
    return {
        "cert_reqs": ssl.CERT_REQUIRED,
        "ca_certs": settings.rabbitmq_tls_ca or None,
        "server_hostname": url["hostname"],
    }


def connect(settings: RuntimeSettings) -> amqp.Connection:
    """A connection without a heartbeat, on which each read and write ends after `rabbitmq_timeout`.

    Raises what py-amqp and sockets raise.
    """
    url, timeout = place_of(settings), settings.rabbitmq_timeout
    tls = tls_options(settings)
    connection = amqp.Connection(
        f"{url['hostname'] or '127.0.0.1'}:{url['port'] or (5671 if tls else 5672)}",
        url["userid"] or "guest",
        url["password"] or "guest",
        virtual_host=url["virtual_host"] or "/",
        login_method="PLAIN",
        ssl=tls,
        connect_timeout=timeout,
        read_timeout=timeout,
        write_timeout=timeout,
    )
    try:
        connection.connect()
        connection.sock.settimeout(timeout)
    except BaseException:
        connection.collect()
        raise
    return connection


@contextmanager
def closed_at_errors(connection: amqp.Connection) -> Iterator[None]:
    """What is raised within becomes Unavailable, and the connection is closed then."""
    try:
        with rabbitmq_errors():
            yield
    except Unavailable:
        connection.collect()
        raise


@contextmanager
def channel(settings: RuntimeSettings) -> Iterator[amqp.Channel]:
    """A channel over a connection of its own, for a few calls. Raises Unavailable."""
    with rabbitmq_errors():
        connection = connect(settings)
    try:
        with rabbitmq_errors():
            yield connection.channel()
            connection.close()
    finally:
        connection.collect()


@contextmanager
def rabbitmq_errors() -> Iterator[None]:
    """What RabbitMQ and sockets raise when it is away, or refuses, becomes Unavailable."""
    try:
        yield
    except (amqp.AMQPError, OSError) as error:
        raise Unavailable(f"RabbitMQ did not do what was asked ({type(error).__name__})") from error


def declare(channel: amqp.Channel, queue: Queue) -> int:
    """Have this queue, and say how many messages wait in it. Raises Misdeclared, and what py-amqp raises."""
    try:
        found = channel.queue_declare(queue.name, durable=True, auto_delete=False, arguments=dict(ARGUMENTS))
    except amqp.PreconditionFailed as error:
        if "inequivalent arg" not in str(error):
            raise  # a limit of the virtual host, say
        raise Misdeclared(
            f"the queue {queue.name} is in RabbitMQ with other arguments than {ARGUMENTS}: delete it there, and have "
            "who declared it do so with these; the ledger sends again what it held"
        ) from error
    return int(found.message_count)


def exists(channel: amqp.Channel, name: str) -> bool:
    """Whether there is a queue of that name. Closes the channel where there is none."""
    with suppress(amqp.NotFound):
        channel.queue_declare(name, passive=True)
        return True
    return False


def check(settings: RuntimeSettings) -> None:
    """Raise SettingsError where this RabbitMQ would refuse our queues; else what it raises when it is away."""
    connection = connect(settings)
    try:
        opened = connection.channel()
        for queue in QUEUES:
            declare(opened, queue)
        connection.close()
    except Misdeclared as error:
        raise SettingsError(f"CELERY_BROKER_URL: {error.message}") from None
    finally:
        connection.collect()
