"""Pages of one state, queue or task

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ENDED = "state IN ('succeeded','failed','cancelled','dead')"

# Where there are jobs already, `migrate` has made these before, without keeping anybody from writing.
INDEXES = {
    "ix_jobs_tenant_state_created_at_id": "jobs (tenant, state, created_at DESC, id DESC)",
    "ix_jobs_ended_by_queue": f"jobs (tenant, queue, created_at DESC, id DESC) WHERE {ENDED}",
    "ix_jobs_ended_by_task": f"jobs (tenant, task, created_at DESC, id DESC) WHERE {ENDED}",
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {columns}")


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
