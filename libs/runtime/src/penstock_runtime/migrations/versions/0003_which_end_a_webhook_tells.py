"""Which end a webhook tells

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# With the end in its payload, a call that comes late does not tell a later end, which has a call of its own.
TELL = """
CREATE OR REPLACE FUNCTION penstock_tell_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs (id, tenant, task, queue, payload, idempotency_key, request_id, state, attempts)
    VALUES (
        gen_random_uuid()::text, NEW.tenant, 'ops_trace.webhook', 'ops_trace',
        jsonb_build_object('job_id', NEW.id, 'url', NEW.webhook, 'ended_at', NEW.finished_at),
        'webhook:' || NEW.id || ':' || extract(epoch FROM NEW.finished_at), NEW.request_id, 'accepted', 12
    )
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.execute(TELL)


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
