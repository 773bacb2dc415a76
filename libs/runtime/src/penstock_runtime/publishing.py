"""Publishing, whatever the broker is."""

from collections.abc import Sequence
from typing import Protocol

from penstock_runtime.broker import Publisher as RedisPublisher
from penstock_runtime.ledger.publish import Publication
from penstock_runtime.rabbitmq.publisher import RabbitPublisher
from penstock_runtime.settings import RuntimeSettings


class Publisher(Protocol):
    """Puts the ledger's messages into the broker. For one thread."""

    def publish(self, publications: Sequence[Publication]) -> None:
        """Publish in order. Raises Unavailable where they are not confirmed; any may be there all the same."""

    def close(self) -> None:
        """Close its connections."""


def open_publisher(settings: RuntimeSettings) -> Publisher:
    """That of the broker which the settings name."""
    return RabbitPublisher(settings) if settings.uses_rabbitmq else RedisPublisher(settings)
