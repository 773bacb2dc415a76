"""Messages of Celery clients that are to start later: they wait in the ledger, not in a worker's memory."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from penstock_contracts.queues import BY_NAME
from penstock_contracts.task import Message
from penstock_runtime.schema import jobs


def adopt_for_later(
    connection: Connection,
    job_id: str,
    message: Message,
    *,
    tenant: str,
    embed: dict[str, Any] | None,
    not_before: datetime,
    deadline: datetime | None,
) -> bool:
    """Make the row, for the relay to publish when it is due. False: the id has a row, and this is its message again."""
    row = connection.execute(
        insert(jobs)
        .values(
            id=job_id,
            tenant=tenant,
            task=message.task,
            queue=message.queue,
            priority=message.priority,
            payload=message.payload,
            embed=embed,
            origin="adopted",
            state="accepted",
            attempts=BY_NAME[message.queue].attempts,
            not_before=not_before,
            deadline=deadline,
        )
        .on_conflict_do_nothing(index_elements=[jobs.c.id])
        .returning(jobs.c.id)
    ).one_or_none()
    return row is not None
