"""The tables. Migrations make them; a test compares the two."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Time = TIMESTAMP(timezone=True)
NOW = func.clock_timestamp()
"""The database's time, read when the statement runs: the only clock that rows are stamped with."""

ASKED_AT = func.statement_timestamp()
"""The database's time when the statement came. Rows are looked for by it: NOW changes while a statement runs, so that
all rows of an index would have to be read."""


def seconds(number: Any) -> Any:
    """An interval of so many seconds."""
    return func.make_interval(0, 0, 0, 0, 0, 0, number)


NEWEST = (text("created_at DESC"), text("id DESC"))

FINISHED = ("succeeded", "failed", "cancelled", "dead")
"""The states that no job leaves by itself."""

OPEN = ("accepted", "queued", "running")
"""All others."""


def _is_one_of(states: tuple[str, ...]) -> str:
    return f"state IN ({','.join(map(repr, states))})"


ENDED, NOT_ENDED = _is_one_of(FINISHED), _is_one_of(OPEN)
"""Literally: from parameters PostgreSQL could not tell that it is what an index holds."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True, comment="the Celery task id"),
    Column("tenant", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    Column("payload", JSONB, nullable=False),
    Column("embed", JSONB, comment="callbacks, errbacks and chain of a Celery client's message"),
    Column(
        "origin",
        Text,
        nullable=False,
        server_default=text("'ledger'"),
        comment="ledger, or adopted from Celery",
    ),
    Column("request_id", Text),
    Column("idempotency_key", Text),
    Column("fingerprint", LargeBinary, comment="SHA-256 of task and payload, to tell a repeat from another body"),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0"), comment="starts that count"),
    Column("attempts", Integer, nullable=False, comment="starts allowed"),
    Column("losses", Integer, nullable=False, server_default=text("0"), comment="how often a worker died with it"),
    Column(
        "publications",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="messages that Redis has confirmed since it was last started",
    ),
    Column("not_before", Time),
    Column("deadline", Time, comment="after this it is not started any more"),
    Column("webhook", Text, comment="a URL that is told when the job has ended"),
    Column("published_at", Time, comment="the stamp of the newest message; null: none is on its way"),
    Column("published_epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("missing_since", Time, comment="when the relay first did not find the message"),
    Column("token", Uuid, comment="who runs it: every write of a run is fenced by it"),
    Column("lease_until", Time),
    Column("worker", Text),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    Column("progress", JSONB),
    Column("result", JSONB),
    Column("error", JSONB),
    Column("created_at", Time, nullable=False, server_default=NOW),
    Column("started_at", Time),
    Column("finished_at", Time),
    CheckConstraint(_is_one_of(OPEN + FINISHED), name="state"),
    UniqueConstraint("tenant", "task", "idempotency_key"),
    # Pages of a tenant's jobs. What has not ended is in an index of its own, which stays small however many have ended:
    # until its end a job is written into no other.
    Index("ix_jobs_open_by_state", "state", "tenant", *NEWEST, postgresql_where=text(NOT_ENDED)),
    Index("ix_jobs_ended_by_state", "tenant", "state", *NEWEST, postgresql_where=text(ENDED)),
    Index("ix_jobs_ended_by_queue", "tenant", "queue", *NEWEST, postgresql_where=text(ENDED)),
    Index("ix_jobs_ended_by_task", "tenant", "task", *NEWEST, postgresql_where=text(ENDED)),
    # The dead letters of a tenant, newest first.
    Index(
        "ix_jobs_dead",
        "tenant",
        text("finished_at DESC"),
        text("id DESC"),
        postgresql_where=text("state = 'dead'"),
    ),
    # The relay's questions, each over the rows that are in question only.
    Index(
        "ix_jobs_accepted",
        text("coalesce(not_before, created_at)"),
        postgresql_where=text("state = 'accepted'"),
    ),
    Index(
        "ix_jobs_published_before",
        "publications",
        postgresql_where=text("state = 'accepted' AND publications > 0"),
    ),
    Index("ix_jobs_queued", "queue", "priority", "published_at", postgresql_where=text("state = 'queued'")),
    Index(
        "ix_jobs_deadline", "deadline", postgresql_where=text("state IN ('accepted','queued') AND deadline IS NOT NULL")
    ),
    Index("ix_jobs_missing_since", "missing_since", postgresql_where=text("missing_since IS NOT NULL")),
    Index("ix_jobs_running", "lease_until", postgresql_where=text("state = 'running'")),
    Index("ix_jobs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
)

relay = Table(
    "relay",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False, server_default=text("0"), comment="handed out"),
    Column("confirmed", BigInteger, nullable=False, server_default=text("0"), comment="known to be in Redis"),
    Column("beat_at", Time, nullable=False, server_default=NOW),
    Column("run_id", Text, comment="of the Redis process last seen"),
    Column("refill_from", BigInteger, comment="after a loss: rows published in these epochs are published again"),
    Column("refill_to", BigInteger),
    CheckConstraint("id = 1", name="one_row"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("since", Time, nullable=False, server_default=NOW),
    Column("reason", Text),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the key"),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{read,write}'")),
    Column("last_used_at", Time),
    Column("rate", Text, comment="such as 100/minute; null: the API's setting"),
    Column("created_at", Time, nullable=False, server_default=NOW),
    Column("expires_at", Time),
    Column("revoked_at", Time),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("email", Text, primary_key=True),
    Column("confirmed_at", Time, nullable=False, server_default=NOW),
)

files = Table(
    "files",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("storage_key", Text, nullable=False),
    Column("job_id", Text, comment="the job that made it; null for an upload"),
    Column("created_at", Time, nullable=False, server_default=NOW),
    Index("ix_files_job_id", "job_id"),
    Index("ix_files_storage_key", "storage_key"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Uuid, primary_key=True, comment="the id of the job that imported it"),
    Column("tenant", Text, nullable=False),
    Column("file_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("encoding", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("chunks", BigInteger, nullable=False),
    Column("columns", JSONB, nullable=False, comment="contracts.dataset.Column, in order"),
    Column("created_at", Time, nullable=False, server_default=NOW),
    Index("ix_datasets_tenant_created_at_id", "tenant", text("created_at DESC"), text("id DESC")),
)

# Rows and chunks stream in by the million, in the transaction that makes their dataset: a foreign key would be checked
# once for each of them, and nothing else ever writes here.
dataset_rows = Table(
    "dataset_rows",
    metadata,
    Column("dataset_id", Uuid, primary_key=True),
    Column("number", BigInteger, primary_key=True, comment="from 1; the header is not counted"),
    Column("cells", JSONB, nullable=False, comment="an array of strings as they stood; null where missing"),
)

dataset_chunks = Table(
    "dataset_chunks",
    metadata,
    Column("dataset_id", Uuid, primary_key=True),
    Column("number", BigInteger, primary_key=True, comment="from 1"),
    Column("text", Text, nullable=False),
)

user_actions = Table(
    "user_actions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("at", Time, nullable=False),
    Column("target", Text),
    Column("detail", JSONB, nullable=False),
    Column("job_id", Text, nullable=False),
    Index("ix_user_actions_tenant_at_id", "tenant", "at", "id"),
    Index("ix_user_actions_tenant_user_id_at_id", "tenant", "user_id", "at", "id"),
    Index("ix_user_actions_tenant_action_at_id", "tenant", "action", "at", "id"),
)
