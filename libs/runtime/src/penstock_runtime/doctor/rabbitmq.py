"""What is wrong with the RabbitMQ that carries the queues, as far as AMQP shows it."""

from collections.abc import Iterator
from contextlib import contextmanager

import amqp

from penstock_contracts.queues import QUEUES
from penstock_runtime import waiting
from penstock_runtime.doctor.codes import Code, code_of
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight
from penstock_runtime.findings import Finding
from penstock_runtime.rabbitmq.server import Misdeclared, connect, declare
from penstock_runtime.settings import RuntimeSettings

PROBE = "penstock.doctor"
"""A queue that is not there: RabbitMQ takes a message for it, and throws it away."""


class Blocked(Exception):
    """RabbitMQ says that it takes no messages."""


def look_at(sight: Sight, settings: RuntimeSettings, bounds: DoctorSettings) -> None:
    """See whether it is reached, lets this user in, has or makes the queues, and takes messages."""
    patience = settings.model_copy(update={"rabbitmq_timeout": bounds.doctor_seconds / 2})
    try:
        with _connection(patience) as connection:
            channel = connection.channel()
            for queue in QUEUES:
                declare(channel, queue)
            sight.readable = True
            _publish(connection, channel)
            sight.writable = True
    except Blocked:
        sight.findings.append(_blocked(settings))
    except (amqp.AMQPError, OSError, Misdeclared) as error:
        sight.readable = False
        sight.findings.append(unanswered(error, settings))


@contextmanager
def _connection(settings: RuntimeSettings) -> Iterator[amqp.Connection]:
    connection = connect(settings)
    try:
        yield connection
    finally:
        connection.collect()


def _publish(connection: amqp.Connection, channel: amqp.Channel) -> None:
    """Raise Blocked where an alarm keeps it from taking messages, which it says to those only that send one."""

    def blocked(_: str) -> None:
        raise Blocked

    connection.on_blocked = blocked
    channel.basic_publish(amqp.Message(b""), routing_key=PROBE)
    # It answers in order: who may not send is told so by now, and one that is blocked reads nothing more.
    channel.basic_qos(0, 1, False)


def unanswered(error: BaseException, settings: RuntimeSettings) -> Finding:
    """What is wrong with a RabbitMQ that answers so."""
    server = waiting.broker(settings)
    if isinstance(error, Misdeclared):
        what, _, fix = error.message.rpartition(": ")
        return Finding(Code.RABBITMQ_MISDECLARED, _about(settings), what, fix)
    name, _ = waiting.trouble_of(error)
    fix = waiting.advice_on(error, server)
    return Finding(code_of("rabbitmq", name), _about(settings), waiting.reason_of(error), fix)


def _blocked(settings: RuntimeSettings) -> Finding:
    what = "it takes no messages: an alarm says that its memory or its disk is nearly used up"
    fix = "rabbitmq-diagnostics alarms names it; give it more, make room on its disk, or have more workers"
    return Finding(Code.RABBITMQ_BLOCKED, _about(settings), what, fix)


def _about(settings: RuntimeSettings) -> str:
    return f"RabbitMQ at {waiting.broker(settings).where}"
