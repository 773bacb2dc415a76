"""The first tables

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "accounts",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column(
            "confirmed_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_accounts")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the key"),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "dataset_chunks",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="from 1"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "number", name=op.f("pk_dataset_chunks")),
    )
    op.create_table(
        "dataset_rows",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="from 1; the header is not counted"),
        sa.Column(
            "cells",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="an array of strings as they stood; null where missing",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "number", name=op.f("pk_dataset_rows")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.Uuid(), nullable=False, comment="the id of the job that imported it"),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column(
            "columns",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="contracts.dataset.Column, in order",
        ),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    op.create_index(
        "ix_datasets_tenant_created_at_id",
        "datasets",
        ["tenant", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True, comment="the job that made it; null for an upload"),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_job_id", "files", ["job_id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False, comment="the Celery task id"),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "embed",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="callbacks, errbacks and chain of a Celery client's message",
        ),
        sa.Column(
            "origin",
            sa.Text(),
            server_default=sa.text("'ledger'"),
            nullable=False,
            comment="ledger, or adopted from Celery",
        ),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column(
            "fingerprint",
            sa.LargeBinary(),
            nullable=True,
            comment="SHA-256 of task and payload, to tell a repeat from another body",
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="starts that count"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="starts allowed"),
        sa.Column("not_before", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "published_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="the stamp of the newest message; null: none is on its way",
        ),
        sa.Column("published_epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "missing_since",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="when the relay first did not find the message",
        ),
        sa.Column("token", sa.Uuid(), nullable=True, comment="who runs it: every write of a run is fenced by it"),
        sa.Column("lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('accepted','queued','running','succeeded','failed','cancelled','dead')",
            name=op.f("ck_jobs_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("tenant", "task", "idempotency_key", name=op.f("uq_jobs_tenant_task_idempotency_key")),
    )
    op.create_index(
        "ix_jobs_accepted",
        "jobs",
        [sa.literal_column("coalesce(not_before, created_at)")],
        unique=False,
        postgresql_where=sa.text("state = 'accepted'"),
    )
    op.create_index(
        "ix_jobs_finished_at",
        "jobs",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_missing_since",
        "jobs",
        ["missing_since"],
        unique=False,
        postgresql_where=sa.text("missing_since IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_queued",
        "jobs",
        ["queue", "priority", "published_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_jobs_running",
        "jobs",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_jobs_tenant_created_at_id",
        "jobs",
        ["tenant", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "relay",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="handed out"),
        sa.Column(
            "confirmed",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="known to be in Redis",
        ),
        sa.Column(
            "beat_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("run_id", sa.Text(), nullable=True, comment="of the Redis process last seen"),
        sa.Column(
            "refill_from",
            sa.BigInteger(),
            nullable=True,
            comment="after a loss: rows published in these epochs are published again",
        ),
        sa.Column("refill_to", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_relay_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relay")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "user_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_actions")),
    )
    op.create_index(
        "ix_user_actions_tenant_action_at_id", "user_actions", ["tenant", "action", "at", "id"], unique=False
    )
    op.create_index("ix_user_actions_tenant_at_id", "user_actions", ["tenant", "at", "id"], unique=False)
    op.create_index(
        "ix_user_actions_tenant_user_id_at_id",
        "user_actions",
        ["tenant", "user_id", "at", "id"],
        unique=False,
    )
    op.execute("INSERT INTO relay (id) VALUES (1)")


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
