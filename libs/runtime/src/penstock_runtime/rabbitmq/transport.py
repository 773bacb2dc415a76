"""kombu's own transport for RabbitMQ, with our sense of priorities and a prefetch count that each queue type knows."""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, pyamqp

from penstock_contracts.queues import Priority
from penstock_runtime.rabbitmq.server import STEPS

SCHEMES = {"amqp": "Transport", "amqps": "SSLTransport"}


def install() -> None:
    """Have amqp:// and amqps:// mean this transport in this process."""
    for scheme, name in SCHEMES.items():
        TRANSPORT_ALIASES[scheme] = f"penstock_runtime.rabbitmq.transport:{name}"


def to_wire(priority: int | None) -> int:
    """RabbitMQ's priority for one of ours, of which 0 is the most urgent."""
    return max(0, STEPS - (priority or 0))


def from_wire(priority: int | None) -> int:
    """The reverse. A message without priority waits as the least urgent, but its sender meant an ordinary one."""
    return int(Priority.NORMAL) if priority is None else max(0, STEPS - priority)


class Message(pyamqp.Message):
    """A delivery, with a priority of ours."""

    def __init__(self, msg: Any, channel: Any = None, **options: Any) -> None:
        super().__init__(msg, channel=channel, **options)
        self.properties = self.properties | {"priority": from_wire(self.properties.get("priority"))}


class Channel(pyamqp.Channel):
    """Sends and receives priorities of ours."""

    Message = Message

    def prepare_message(self, body: Any, priority: int | None = None, *args: Any, **options: Any) -> Any:
        """The message for py-amqp."""
        return super().prepare_message(body, to_wire(priority), *args, **options)


class Connection(pyamqp.Connection):
    """Opens such channels."""

    Channel = Channel


class Transport(pyamqp.Transport):
    """For amqp://."""

    Connection = Connection

    def qos_semantics_matches_spec(self, connection: Any) -> bool:
        """Have Celery count its prefetch for each consumer: RabbitMQ 4.3 refuses a count for a whole channel."""
        return True


class SSLTransport(pyamqp.SSLTransport):
    """For amqps://."""

    Connection = Connection

    def qos_semantics_matches_spec(self, connection: Any) -> bool:
        """As of amqp://."""
        return True
