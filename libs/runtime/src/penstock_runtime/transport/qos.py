"""What a channel has delivered and how much more it may."""

from collections import OrderedDict
from typing import Any

from kombu.transport import virtual

from penstock_runtime.transport.scripts import MOST_CLAIMED


class QoS(virtual.QoS):
    """kombu's book of deliveries. Redis hears of settlements with the next claim."""

    def __init__(self, channel: Any, prefetch_count: int = 0) -> None:
        self.channel = channel
        self.prefetch_count = prefetch_count or 0
        self._delivered = OrderedDict()
        self._dirty = set()

    def can_consume(self) -> bool:
        """Whether there is room for another message."""
        return self.room() > 0

    def room(self) -> int:
        """How many more messages may be claimed now: for a Celery worker as many as its pool has free slots."""
        channel = self.channel
        if channel.outlives:
            taken = len(channel.in_flight)
            return min(MOST_CLAIMED, self.prefetch_count - taken) if self.prefetch_count else MOST_CLAIMED
        if not self.prefetch_count:
            return 1 - len(channel.undelivered)
        taken = len(self._delivered) + len(channel.undelivered)
        return min(1, self.prefetch_count - taken)

    def can_consume_max_estimate(self) -> int:
        """For kombu."""
        return max(self.room(), 0)

    def append(self, message: Any, delivery_tag: str) -> None:
        """It was delivered; Redis knows already."""
        self._delivered[delivery_tag] = message

    def get(self, delivery_tag: str) -> Any:
        """The message. Raises KeyError where it is settled."""
        return self._delivered[delivery_tag]

    def ack(self, delivery_tag: str) -> None:
        """It is done."""
        self._delivered.pop(delivery_tag, None)
        self.channel.in_flight.settle(delivery_tag)
        self.channel.settled()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """It goes to the end of its line, or nowhere."""
        self._delivered.pop(delivery_tag, None)
        if requeue:
            self.channel.in_flight.give_back(delivery_tag, front=False)
        else:
            self.channel.in_flight.settle(delivery_tag)
        self.channel.settled()

    def restore_unacked(self) -> list[Any]:
        """Everything goes back to the front of its line."""
        for tag in reversed(list(self._delivered)):
            self.channel.in_flight.give_back(tag, front=True)
        self._delivered.clear()
        self.channel.settled()
        return []

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """The channel closes. What a worker runs outlives it, and is settled over the next one."""
        if not self.channel.outlives:
            self.restore_unacked()
