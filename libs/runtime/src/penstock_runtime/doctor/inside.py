"""What lies in servers that are well: queues, jobs, pauses, and who else is there."""

import time

from sqlalchemy import Connection

from penstock_runtime import ledgers, redis_server, waiting
from penstock_runtime.backlog import QueueBacklog, read_backlog
from penstock_runtime.broker import redis_errors
from penstock_runtime.doctor import broker, database
from penstock_runtime.doctor.jobs import look_at_jobs, look_at_relay
from penstock_runtime.doctor.ledgers import others
from penstock_runtime.doctor.queues import look_at_queue, not_told, pause_not_told, read_busy, read_presence
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger.pauses import Pause, read_pauses
from penstock_runtime.oldest import read_oldest
from penstock_runtime.settings import RuntimeSettings

LOOK_AGAIN = 0.2
"""Seconds between two looks at a pause that Redis was not told."""


def look_inside(sight: Sight, settings: RuntimeSettings, bounds: DoctorSettings, of_redis: Sight) -> None:
    """Look at what PostgreSQL and, as far as it could be seen, Redis hold."""
    try:
        with database.connected(settings, bounds) as connection:
            if of_redis.writable:
                sight.findings += look_at_relay(connection, settings, bounds)
            sight.findings += look_at_jobs(connection, bounds)
            if of_redis.readable:
                _look_at_both(sight, connection, settings, bounds)
    except database.ERRORS as error:
        sight.findings.append(database.unanswered(error, settings))
    except Unavailable as error:
        sight.findings.append(broker.unanswered(error.__cause__ or error, settings))


def _look_at_both(sight: Sight, connection: Connection, settings: RuntimeSettings, bounds: DoctorSettings) -> None:
    with redis_errors(), redis_server.client(settings) as client:
        presence = read_presence(client)
        seen = ledgers.read_ledgers(client)
    about = f"Redis at {waiting.broker(settings).where}"
    sight.findings += others(seen, ledgers.identify(connection), about, within=bounds.doctor_silence)
    backlog, pauses, untold = _pauses(connection, settings, bounds)
    busy = read_busy(connection, lately=bounds.doctor_unconsumed)
    oldest = read_oldest(settings)
    for name, queue in backlog.items():
        sight.findings += look_at_queue(
            queue, oldest[name], presence[name], pauses.get(name), bounds, busy=name in busy
        )
    sight.findings += (pause_not_told(name, pauses) for name in sorted(untold))


def _pauses(
    connection: Connection, settings: RuntimeSettings, bounds: DoctorSettings
) -> tuple[dict[str, QueueBacklog], dict[str, Pause], set[str]]:
    """What waits, what is paused, and of which queues Redis was not told within a few of the relay's passes."""
    deadline = time.monotonic() + min(3 * settings.relay_every, bounds.doctor_seconds / 2)
    untold: set[str] | None = None
    while True:
        backlog = {queue.queue: queue for queue in read_backlog(settings)}
        pauses = read_pauses(connection)
        still = not_told(backlog, pauses)
        untold = still if untold is None else untold & still
        if not untold or time.monotonic() > deadline:
            return backlog, pauses, untold
        time.sleep(LOOK_AGAIN)
