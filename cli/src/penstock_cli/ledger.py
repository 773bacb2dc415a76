"""Work on the ledger's database: the one that the settings name, else that of the suite which runs here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from penstock_cli.local.state import running
from penstock_runtime import migrate
from penstock_runtime.database import connect
from penstock_runtime.errors import SettingsError, Unavailable
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.urls import without_password


def find(folder: Path) -> RuntimeSettings:
    """The settings that name the database; where they name none, the suite running on `folder` does.

    Raises SettingsError where neither does.
    """
    try:
        return load(RuntimeSettings)
    except SettingsError:
        here = running(folder)
        if here is None:
            raise
        return load(RuntimeSettings, PENSTOCK_DATABASE_URL=here.database_url)


@contextmanager
def transaction(settings: RuntimeSettings) -> Iterator[Connection]:
    """A transaction on a connection of its own. Raises Unavailable."""
    engine = connect(settings, most=1)
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise _unavailable(settings) from error
    finally:
        engine.dispose()


def upgrade(settings: RuntimeSettings) -> str:
    """Bring the tables up to date, and return their revision. Raises Unavailable."""
    try:
        return migrate.upgrade(settings.database_url)
    except (OperationalError, psycopg.OperationalError) as error:
        raise _unavailable(settings) from error


def _unavailable(settings: RuntimeSettings) -> Unavailable:
    where = without_password(settings.database_url)
    return Unavailable(f"PostgreSQL at {where} does not answer, or refuses this user (PENSTOCK_DATABASE_URL)")
