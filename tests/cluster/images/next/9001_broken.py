"""A migration that cannot be done."""

from alembic import op

revision = "9001"
down_revision = "HEAD"


def upgrade() -> None:
    op.execute("ALTER TABLE of_no_version ADD COLUMN nothing text")
