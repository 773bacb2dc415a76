"""Accept: from here on, Penstock owes the job an end."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, literal, select
from sqlalchemy.dialects.postgresql import insert
from uuid_utils import uuid7

from penstock_contracts.queues import BY_NAME
from penstock_contracts.task import Message
from penstock_runtime.errors import PenstockError, Unavailable
from penstock_runtime.ledger.publish import Publication, confirmed_epoch
from penstock_runtime.schema import NOW, jobs


class KeyReused(PenstockError):
    """The Idempotency-Key already belongs to a job with another payload."""

    code = "idempotency_key_reused"


class Unstorable(PenstockError):
    """The payload holds text that PostgreSQL cannot store."""

    code = "unstorable"


@dataclass(frozen=True)
class Accepted:
    """The job that stands for the message. `publication` is what to publish now: none for a repeat or a later start."""

    job_id: str
    created: bool
    publication: Publication | None


def new_id() -> str:
    """A job id: a UUID of version 7 (RFC 9562), so that rows accepted together lie together in the index."""
    return str(uuid7())


def accept(
    connection: Connection,
    message: Message,
    *,
    tenant: str,
    idempotency_key: str | None = None,
    request_id: str | None = None,
    not_before: datetime | None = None,
) -> Accepted:
    """Insert the job, or get the one that the tenant accepted before for this task and key.

    Raises KeyReused, Unstorable.
    """
    check_storable(message.payload)
    fingerprint = hashlib.sha256(_canonical([message.task, message.payload])).digest()
    statement = (
        insert(jobs)
        .values(
            id=new_id(),
            tenant=tenant,
            task=message.task,
            queue=message.queue,
            priority=message.priority,
            payload=message.payload,
            request_id=request_id,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            state="accepted",
            attempts=BY_NAME[message.queue].attempts,
            not_before=not_before,
            # The caller publishes as soon as this is committed; until its time-out the relay leaves the row to it.
            published_at=NOW if not_before is None else None,
            published_epoch=confirmed_epoch(),
        )
        .on_conflict_do_nothing(index_elements=[jobs.c.tenant, jobs.c.task, jobs.c.idempotency_key])
        .returning(jobs.c.id, jobs.c.published_at)
    )
    # Insert, else read, else once more: retention may delete the winner between the two.
    for _ in range(3):
        row = connection.execute(statement).one_or_none()
        if row is not None:
            publication = Publication.of(row.id, message, row.published_at) if row.published_at else None
            return Accepted(row.id, created=True, publication=publication)
        first = connection.execute(_with_key(message.task, tenant, idempotency_key)).one_or_none()
        if first is not None:
            if first.fingerprint != fingerprint:
                raise KeyReused("this Idempotency-Key was used before with another body; use a new key for a new job")
            return Accepted(first.id, created=False, publication=None)
    raise Unavailable("the job could not be accepted; repeat the request with the same Idempotency-Key")


def _with_key(task: str, tenant: str, key: str | None) -> Any:
    return select(jobs.c.id, jobs.c.fingerprint).where(
        jobs.c.tenant == tenant, jobs.c.task == task, jobs.c.idempotency_key == literal(key)
    )


def check_storable(value: Any) -> None:
    """Raise Unstorable where JSON holds what jsonb refuses: a NUL character, half a surrogate pair, NaN or infinity."""
    try:
        canonical = _canonical(value)
    except UnicodeEncodeError as error:
        raise Unstorable("text must not contain half of a surrogate pair") from error
    except ValueError as error:
        raise Unstorable("a number must not be NaN or infinite") from error
    # Without the escaped backslashes: one of them before the letters u0000 is not a NUL.
    if b"\\u0000" in canonical.replace(b"\\\\", b""):
        raise Unstorable("text must not contain the NUL character (U+0000)")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
