"""What RabbitMQ holds of each queue, told apart with what the ledger knows: it says only how much waits in all."""

from collections.abc import Mapping

from penstock_contracts.queues import QUEUES, Priority
from penstock_runtime.backlog import QueueBacklog
from penstock_runtime.ledger.unfinished import Unfinished
from penstock_runtime.oldest import Oldest
from penstock_runtime.rabbitmq.server import channel, declare
from penstock_runtime.settings import RuntimeSettings


def read_backlog(settings: RuntimeSettings, known: Mapping[str, Unfinished]) -> list[QueueBacklog]:
    """Every queue's figures, in the order of the declaration. Raises Unavailable when RabbitMQ is gone.

    Of what waits, as much counts as bulk as the ledger has of it; the rest is normal. In flight is what runs: a message
    that a worker has taken and not begun with counts nowhere for that moment.
    """
    with channel(settings) as opened:
        ready = {queue.name: declare(opened, queue) for queue in QUEUES}
    figures = []
    for queue in QUEUES:
        bulk = min(known[queue.name].waiting[Priority.BULK], ready[queue.name])
        queued = {Priority.NORMAL: ready[queue.name] - bulk, Priority.BULK: bulk}
        by_name = {priority.name.lower(): queued[priority] for priority in Priority}
        figures.append(QueueBacklog(queue.name, by_name, known[queue.name].running))
    return figures


def read_oldest(known: Mapping[str, Unfinished]) -> dict[str, Oldest | None]:
    """By queue, as far as the ledger knows it: not of another sender's message that nobody has taken yet."""
    return {
        queue.name: None if (age := known[queue.name].oldest) is None else Oldest(max(0.0, round(age, 3)), exact=True)
        for queue in QUEUES
    }


def read_consumers(settings: RuntimeSettings) -> dict[str, int]:
    """How many consumers each queue has, whoever they are. Raises Unavailable, also where a queue is missing."""
    with channel(settings) as opened:
        return {queue.name: int(opened.queue_declare(queue.name, passive=True).consumer_count) for queue in QUEUES}


def answers(settings: RuntimeSettings) -> None:
    """Raise Unavailable where RabbitMQ does not answer."""
    with channel(settings):
        pass
