"""What lies in servers that are well: jobs, the relay's signs of life, and queues."""

from penstock_runtime.doctor import database
from penstock_runtime.doctor.brokers import broker_of
from penstock_runtime.doctor.jobs import look_at_jobs, look_at_relay
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight
from penstock_runtime.errors import Unavailable
from penstock_runtime.settings import RuntimeSettings


def look_inside(sight: Sight, settings: RuntimeSettings, bounds: DoctorSettings, *, of_broker: Sight) -> None:
    """Look at what PostgreSQL and, as far as it could be seen, the broker hold."""
    broker = broker_of(settings)
    try:
        with database.connected(settings, bounds) as connection:
            if of_broker.writable:
                sight.findings += look_at_relay(connection, settings, bounds)
            sight.findings += look_at_jobs(connection, bounds)
            if of_broker.readable:
                broker.look_at_queues(sight, connection, settings, bounds)
    except database.ERRORS as error:
        sight.findings.append(database.unanswered(error, settings))
    except Unavailable as error:
        sight.findings.append(broker.unanswered(error.__cause__ or error, settings))
