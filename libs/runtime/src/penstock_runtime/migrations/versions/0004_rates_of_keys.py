"""Rates of keys

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("rate", sa.Text(), comment="such as 100/minute; null: the API's setting"))


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
