"""Losses and publications

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, comment in (
        ("losses", "how often a worker died with it"),
        ("publications", "messages that Redis has confirmed since it was last started"),
    ):
        count = sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"), comment=comment)
        op.add_column("jobs", count)
    op.create_index(
        "ix_jobs_published_before",
        "jobs",
        ["publications"],
        postgresql_where=sa.text("state = 'accepted' AND publications > 0"),
    )
    # The dead letters of a tenant, newest first.
    op.create_index(
        "ix_jobs_dead",
        "jobs",
        ["tenant", sa.text("finished_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("state = 'dead'"),
    )


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
