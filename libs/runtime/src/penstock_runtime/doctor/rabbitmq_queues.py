"""What lies in a RabbitMQ that is well: queues, and who consumes them. It knows no pauses and no dead messages."""

from sqlalchemy import Connection

from penstock_runtime.doctor.queues import Presence, look_at_queue, read_busy
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight
from penstock_runtime.ledger.unfinished import read_unfinished
from penstock_runtime.rabbitmq.backlog import read_backlog, read_consumers, read_oldest
from penstock_runtime.settings import RuntimeSettings


def look_at_queues(sight: Sight, connection: Connection, settings: RuntimeSettings, bounds: DoctorSettings) -> None:
    """What RabbitMQ and the ledger together say. Raises Unavailable, and what PostgreSQL raises."""
    consumers = read_consumers(settings)
    known = read_unfinished(connection)
    busy = read_busy(connection, lately=bounds.doctor_unconsumed)
    oldest = read_oldest(known)
    for queue in read_backlog(settings, known):
        name = queue.queue
        presence = Presence(attended=consumers[name] > 0, dead=0)
        sight.findings += look_at_queue(queue, oldest[name], presence, None, bounds, busy=name in busy)
