"""Accept: from here on, Penstock owes the job an end."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from uuid_utils import uuid7

from penstock_contracts.queues import BY_NAME
from penstock_contracts.task import Message
from penstock_runtime.errors import PenstockError
from penstock_runtime.ledger.publish import Publication
from penstock_runtime.schema import jobs


class KeyReused(PenstockError):
    """The Idempotency-Key already belongs to a job with another payload."""

    code = "idempotency_key_reused"


class Unstorable(PenstockError):
    """The payload holds text that PostgreSQL cannot store."""

    code = "unstorable"


@dataclass(frozen=True)
class NewJob:
    """A message with what its sender wants of it. `not_before`: when it may start at the earliest, `deadline`:
    when at the latest, `webhook`: the URL that is told when it has ended.

    Raises Unstorable.
    """

    message: Message
    tenant: str
    idempotency_key: str | None = None
    request_id: str | None = None
    not_before: datetime | None = None
    deadline: datetime | None = None
    webhook: str | None = None
    id: str = field(default_factory=lambda: str(uuid7()))
    """A UUID of version 7 (RFC 9562), so that rows accepted together lie together in the index."""

    fingerprint: bytes = field(init=False, repr=False)
    """Tells a repeat from another job under the same key: SHA-256 of task and payload."""

    def __post_init__(self) -> None:
        told = canonical([self.message.task, self.message.payload])
        object.__setattr__(self, "fingerprint", hashlib.sha256(told).digest())

    def values(self) -> dict[str, Any]:
        """The columns of its row that differ from job to job, as JSON has them."""
        message = self.message
        return {
            "id": self.id,
            "tenant": self.tenant,
            "task": message.task,
            "queue": message.queue,
            "priority": int(message.priority),
            "payload": message.payload,
            "request_id": self.request_id,
            "idempotency_key": self.idempotency_key,
            "fingerprint": self.fingerprint.hex(),
            "attempts": BY_NAME[message.queue].attempts,
            "not_before": self.not_before and self.not_before.isoformat(),
            "deadline": self.deadline and self.deadline.isoformat(),
            "webhook": self.webhook,
        }


@dataclass(frozen=True)
class Accepted:
    """The job that stands for the message. `publication` is what to publish now: none for a repeat or a later start."""

    job_id: str
    created: bool
    publication: Publication | None


_TYPES = {
    "id": "text",
    "tenant": "text",
    "task": "text",
    "queue": "text",
    "priority": "smallint",
    "payload": "jsonb",
    "request_id": "text",
    "idempotency_key": "text",
    "fingerprint": "text",
    "attempts": "integer",
    "not_before": "timestamptz",
    "deadline": "timestamptz",
    "webhook": "text",
}

# One statement with one parameter whatever the number of jobs: it is prepared once, and the client writes one text
# instead of a list for each column. The caller publishes as soon as this is committed: until its time-out the relay
# leaves the rows to it.
_INSERT = f"""
    INSERT INTO jobs ({", ".join(_TYPES)}, state, published_at, published_epoch)
    SELECT {", ".join("decode(fingerprint, 'hex')" if name == "fingerprint" else name for name in _TYPES)}, 'accepted',
           CASE WHEN not_before IS NULL THEN clock_timestamp() END,
           (SELECT coalesce(max(confirmed), 0) FROM relay)
    FROM json_to_recordset(%(jobs)s::json) AS new ({", ".join(f"{name} {kind}" for name, kind in _TYPES.items())})
    ON CONFLICT (tenant, task, idempotency_key) DO NOTHING
    RETURNING id, published_at
    """


def accept(connection: Connection, message: Message, *, tenant: str, **wishes: Any) -> Accepted:
    """Accept one message; `wishes` are the other fields of NewJob. Raises KeyReused, Unstorable."""
    [outcome] = accept_all(connection, [NewJob(message, tenant, **wishes)])
    if isinstance(outcome, KeyReused):
        raise outcome
    return outcome


def accept_all(connection: Connection, new: Sequence[NewJob]) -> list[Accepted | KeyReused]:
    """Insert each job, or get the one that its tenant accepted before for its task and key. In the order given."""
    # Each waits for whoever accepts the same key: in the keys' order, as two that wait for each other would deadlock.
    in_order = sorted(new, key=lambda job: (job.tenant, job.message.task, job.idempotency_key or ""))
    rows = connection.exec_driver_sql(_INSERT, {"jobs": json.dumps([job.values() for job in in_order])})
    stamps = {row.id: row.published_at for row in rows}
    return [_created(job, stamps[job.id]) if job.id in stamps else _repeated(connection, job) for job in new]


def _created(job: NewJob, stamp: datetime | None) -> Accepted:
    publication = Publication.of(job.id, job.message, stamp) if stamp else None
    return Accepted(job.id, created=True, publication=publication)


def _repeated(connection: Connection, job: NewJob) -> Accepted | KeyReused:
    """The second read, for the loser: DO NOTHING returns no row, and the winner is committed by now."""
    first = connection.execute(
        select(jobs.c.id, jobs.c.fingerprint).where(
            jobs.c.tenant == job.tenant,
            jobs.c.task == job.message.task,
            jobs.c.idempotency_key == job.idempotency_key,
        )
    ).one_or_none()
    if first is None:  # retention deleted it between the two statements
        return accept_all(connection, [job])[0]
    if first.fingerprint != job.fingerprint:
        return KeyReused("this Idempotency-Key was used before with another body; use a new key for a new job")
    return Accepted(first.id, created=False, publication=None)


def canonical(value: Any) -> bytes:
    """The value as JSON, the same bytes for the same value.

    Raises Unstorable where jsonb refuses it: a NUL character, half a surrogate pair, NaN or infinity.
    """
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise Unstorable("text must not contain half of a surrogate pair") from error
    except ValueError as error:
        raise Unstorable("a number must not be NaN or infinite") from error
    # Without the escaped backslashes: one of them before the letters u0000 is not a NUL.
    if b"\\u0000" in text.replace(b"\\\\", b""):
        raise Unstorable("text must not contain the NUL character (U+0000)")
    return text
