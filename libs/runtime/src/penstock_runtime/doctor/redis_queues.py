"""What lies in a Redis that is well: queues, pauses, and who else is there."""

import time

import redis
from sqlalchemy import Connection

from penstock_contracts.queues import QUEUES, SEPARATOR
from penstock_runtime import ledgers, redis_server, waiting
from penstock_runtime.backlog import QueueBacklog, read_backlog
from penstock_runtime.broker import redis_errors
from penstock_runtime.doctor.ledgers import others
from penstock_runtime.doctor.queues import Presence, look_at_queue, not_told, pause_not_told, read_busy
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight
from penstock_runtime.ledger.pauses import Pause, read_pauses
from penstock_runtime.oldest import read_oldest
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.transport.abandoned import Limits
from penstock_runtime.transport.keys import QueueKeys

LOOK_AGAIN = 0.2
"""Seconds between two looks at a pause that Redis was not told."""


def look_at_queues(sight: Sight, connection: Connection, settings: RuntimeSettings, bounds: DoctorSettings) -> None:
    """What Redis and the ledger together say. Raises Unavailable, and what PostgreSQL raises."""
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


def read_presence(client: "redis.Redis") -> dict[str, Presence]:
    """By queue, of workers on our transport. A stock worker that waits gives no sign; one that takes a message does."""
    of = {queue.name: QueueKeys.of(queue.name, prefix="", separator=SEPARATOR, steps=(0,)) for queue in QUEUES}
    pipeline = client.pipeline(transaction=False)
    pipeline.time()
    for keys in of.values():
        pipeline.exists(keys.watch, keys.waiting)
        pipeline.zrevrange(keys.index, 0, 0, withscores=True)
        pipeline.zcard(keys.dead_index)
    (now, _), *answers = pipeline.execute()
    found = {}
    for number, name in enumerate(of):
        waits, newest, dead = answers[3 * number : 3 * number + 3]
        holds = bool(newest) and now - newest[0][1] <= Limits.abandoned_after
        found[name] = Presence(bool(waits) or holds, dead)
    return found


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
