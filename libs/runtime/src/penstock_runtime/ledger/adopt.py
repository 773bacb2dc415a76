"""Messages of Celery clients that are to start later: they wait in the ledger, not in a worker's memory."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from penstock_contracts.task import Message
from penstock_runtime.ledger.run import adopted
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
    waiting = {"state": "accepted", "not_before": not_before, "deadline": deadline}
    row = connection.execute(
        adopted(job_id, message, tenant=tenant, embed=embed, **waiting).returning(jobs.c.id)
    ).one_or_none()
    return row is not None
