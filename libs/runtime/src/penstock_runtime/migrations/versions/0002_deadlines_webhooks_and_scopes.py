"""Deadlines, webhooks and scopes

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Whatever ends a job - its worker, a cancel, the relay - this row is written in the same transaction, so no end is
# missed. The key holds the time of the end: a job that is retried and ends again is told of again.
TELL = """
CREATE FUNCTION penstock_tell_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs (id, tenant, task, queue, payload, idempotency_key, request_id, state, attempts)
    VALUES (
        gen_random_uuid()::text, NEW.tenant, 'ops_trace.webhook', 'ops_trace',
        jsonb_build_object('job_id', NEW.id, 'url', NEW.webhook),
        'webhook:' || NEW.id || ':' || extract(epoch FROM NEW.finished_at), NEW.request_id, 'accepted', 12
    )
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE TRIGGER penstock_tell_webhook AFTER UPDATE OF state ON jobs FOR EACH ROW
WHEN (NEW.webhook IS NOT NULL AND NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL)
EXECUTE FUNCTION penstock_tell_webhook()
"""


def upgrade() -> None:
    time = postgresql.TIMESTAMP(timezone=True)
    op.add_column("jobs", sa.Column("deadline", time, comment="after this it is not started any more"))
    op.add_column("jobs", sa.Column("webhook", sa.Text(), comment="a URL that is told when the job has ended"))
    op.create_index(
        "ix_jobs_deadline",
        "jobs",
        ["deadline"],
        postgresql_where=sa.text("state IN ('accepted','queued') AND deadline IS NOT NULL"),
    )
    op.add_column(
        "api_keys",
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{read,write}'")),
    )
    op.add_column("api_keys", sa.Column("last_used_at", time))
    op.execute(TELL)
    op.execute(TRIGGER)


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
