"""Fewer indexes that a change of state is written into

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OPEN = "state IN ('accepted','queued','running')"
ENDED = "state IN ('succeeded','failed','cancelled','dead')"

# Where there are jobs already, `migrate` has made these before, without keeping anybody from writing.
INDEXES = {
    "ix_jobs_open_by_state": f"jobs (state, tenant, created_at DESC, id DESC) WHERE {OPEN}",
    "ix_jobs_ended_by_state": f"jobs (tenant, state, created_at DESC, id DESC) WHERE {ENDED}",
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {columns}")
    # Every change of any job's state was written into these, wherever in them its tenant's jobs lie.
    op.execute("DROP INDEX IF EXISTS ix_jobs_tenant_state_created_at_id, ix_jobs_tenant_created_at_id")


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
