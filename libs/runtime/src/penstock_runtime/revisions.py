"""Which revision of the tables a database has, and whether that is enough. Only a migration needs Alembic for more."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

MIGRATIONS = Path(__file__).parent / "migrations"

CONNECT_TIMEOUT = 5
"""Seconds to connect."""


@cache
def _known() -> list[str]:
    # A migration's file begins with its revision; they follow each other in that order.
    return sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def newest() -> str:
    """The revision that this version of the code needs."""
    return _known()[-1]


def is_known(revision: str) -> bool:
    """Whether this version of the code has heard of the revision."""
    return revision in _known()


def current(connection: Connection) -> str | None:
    """The revision the database is at; None before the first one."""
    # Not by to_regclass, which a transaction that has asked before may answer as it did then.
    there = "SELECT 1 FROM pg_class WHERE relname = 'alembic_version' AND pg_table_is_visible(oid)"
    if connection.execute(text(there)).scalar_one_or_none() is None:
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def is_enough(connection: Connection) -> bool:
    """Whether the database has at least what this code needs. A revision unknown here is a newer one's: enough."""
    revision = current(connection)
    return revision is not None and (revision == newest() or not is_known(revision))


def require(url: str) -> None:
    """Raise OperationalError while the database does not answer or its tables are not made yet."""
    with engine(url).connect() as connection:
        if not is_enough(connection):
            raise OperationalError("penstock migrate", {}, Exception("the tables are not made yet"))


def engine(url: str) -> Engine:
    """Connects for each use, and keeps nothing."""
    driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
    about = {"connect_timeout": CONNECT_TIMEOUT, "application_name": "penstock-migrate"}
    return create_engine(driver, poolclass=NullPool, connect_args=about)
