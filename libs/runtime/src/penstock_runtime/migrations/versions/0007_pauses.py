"""Pauses

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pauses",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("since", TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("queue", name="pk_pauses"),
    )


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
