"""How each kind of broker is looked at."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from penstock_runtime.doctor import rabbitmq, rabbitmq_queues, redis, redis_queues
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight
from penstock_runtime.findings import Finding
from penstock_runtime.settings import RuntimeSettings


@dataclass(frozen=True)
class Broker:
    """look_at: the server. unanswered: what is wrong where it raised this. look_at_queues: what lies in it, beside the
    ledger; raises Unavailable."""

    look_at: Callable[[Sight, RuntimeSettings, DoctorSettings], None]
    unanswered: Callable[[BaseException, RuntimeSettings], Finding]
    look_at_queues: Callable[[Sight, Connection, RuntimeSettings, DoctorSettings], None]


REDIS = Broker(redis.look_at, redis.unanswered, redis_queues.look_at_queues)
RABBITMQ = Broker(rabbitmq.look_at, rabbitmq.unanswered, rabbitmq_queues.look_at_queues)


def broker_of(settings: RuntimeSettings) -> Broker:
    """Of the kind that the settings name."""
    return RABBITMQ if settings.uses_rabbitmq else REDIS
