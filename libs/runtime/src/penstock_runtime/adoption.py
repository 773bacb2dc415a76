"""A Celery client's message with an ETA waits in the ledger.

In a worker's memory it would be in flight all the while, keep that worker from being scaled in, and count for the gate.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from penstock_contracts.task import Message, Task
from penstock_runtime.delivery import DEFAULT_TENANT, payload_of, storable
from penstock_runtime.exits import Exits
from penstock_runtime.incoming import Call, fields_of, identify
from penstock_runtime.ledger.adopt import adopt_for_later

log = structlog.get_logger(__name__)

SOON = timedelta(seconds=5)
"""An ETA no farther ahead than this is left to Celery's timer: a row and a relay's pass would take about as long."""


def due_later(call: Call) -> datetime | None:
    """When it may start, where that is too far ahead to wait for in memory. What has expired need not wait at all."""
    now = datetime.now(UTC)
    timely = call.expires is None or call.expires > now
    return call.eta if call.eta is not None and call.eta - now > SOON and timely else None


def forget_past_eta(message: Any, call: Call) -> None:
    """A time that has come is none. One that Celery cannot count with, it would refuse, and then run all the same."""
    if call.eta is not None and call.eta <= datetime.now(UTC):
        fields_of(message)["eta"] = None


def adopt(message: Any, call: Call, not_before: datetime, task: Task[Any, Any], exits: Exits) -> None:
    """Make its row and acknowledge it. Where the row is there already it came again, and is dropped."""
    seen = identify(message)
    about = seen.about() | {"not_before": not_before.isoformat()}
    payload = storable(payload_of(tuple(call.args), call.kwargs))
    write = partial(
        adopt_for_later,
        job_id=str(seen.job_id),
        message=Message(task.name, task.queue.name, payload, call.priority),
        tenant=DEFAULT_TENANT,
        embed=call.embed,
        not_before=not_before,
        deadline=call.expires,
    )

    def kept(created: bool) -> None:
        exits.acknowledge(message)
        log.info("adopted", **about, then="accepted" if created else "its row is there already")

    exits.write(message, about, write, kept)
