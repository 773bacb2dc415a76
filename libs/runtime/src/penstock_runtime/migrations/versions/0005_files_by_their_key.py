"""Files by their key in storage

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The sweep asks of a thousand objects at a time whether a row names them.
    op.create_index("ix_files_storage_key", "files", ["storage_key"])


def downgrade() -> None:
    raise RuntimeError("migrations only expand; restore a backup instead")
