"""What the relay asks of the broker, whichever it is."""

from collections.abc import Callable, Mapping
from typing import Protocol

from sqlalchemy import Engine

from penstock_contracts.queues import Priority, Queue
from penstock_runtime.ledger.pauses import Pause
from penstock_runtime.rabbitmq.losses import RabbitLosses
from penstock_runtime.redis_losses import RedisLosses
from penstock_runtime.settings import RuntimeSettings


class Losses(Protocol):
    """How a broker is seen to have lost messages. For one thread."""

    def tell_pauses(self, read: Callable[[], Mapping[str, Pause]]) -> None:
        """Have it know what is paused."""

    def note(self) -> None:
        """Note in the ledger whether it has lost everything, or all of late. Raises Unavailable."""

    def absent_ids(self, queue: Queue, priority: Priority) -> list[str] | None:
        """Rows whose single message it does not hold. None: nothing can be said. Raises Unavailable."""

    def close(self) -> None:
        """Close its connections."""


def open_losses(settings: RuntimeSettings, engine: Engine) -> Losses:
    """Those of the broker that the settings name."""
    return RabbitLosses(settings, engine) if settings.uses_rabbitmq else RedisLosses(settings, engine)
