"""Migrations: make the tables, and wait until somebody has."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

_LOCK = 0x70656E73
"""Key of the advisory lock ("pens") under which one migrator works at a time."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest() -> str:
    """The revision that this version of the code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def upgrade(url: str) -> str:
    """Bring the database at `url` to the newest revision, and return it. Several at once are harmless."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return newest()


def current(connection: Connection) -> str | None:
    """The revision the database is at; None before the first one."""
    return MigrationContext.configure(connection).get_current_revision()


def is_enough(connection: Connection) -> bool:
    """Whether the database has at least what this code needs. A revision unknown here is a newer one's: enough."""
    revision = current(connection)
    if revision is None:
        return False
    script = ScriptDirectory.from_config(_config())
    known = {item.revision for item in script.walk_revisions()}
    return revision not in known or revision == newest()


def require(url: str) -> None:
    """Raise OperationalError while the database does not answer or its tables are not made yet."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    with engine.connect() as connection:
        if not is_enough(connection):
            raise OperationalError("penstock migrate", {}, Exception("the tables are not made yet"))
