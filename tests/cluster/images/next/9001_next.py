"""A table that only the next version knows, and how often this was done."""

from alembic import op

revision = "9001"
down_revision = "HEAD"


def upgrade() -> None:
    op.execute("CREATE TABLE IF NOT EXISTS of_the_next_version (done timestamptz)")
    op.execute("INSERT INTO of_the_next_version VALUES (clock_timestamp())")
