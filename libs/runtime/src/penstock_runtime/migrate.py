"""Migrations: make the tables, and wait until somebody has.

python -m penstock_runtime.migrate                  brings the ledger's tables to this version's revision
python -m penstock_runtime.migrate --wait SECONDS   waits until they are there
"""

import argparse
import re
import sys
import time

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from penstock_runtime import logging, waiting
from penstock_runtime.errors import SettingsError, Unavailable
from penstock_runtime.revisions import MIGRATIONS, current, engine, is_enough, newest, require
from penstock_runtime.settings import RuntimeSettings, load_or_exit
from penstock_runtime.waiting import reason_of

_LOCK = 0x70656E73
"""Key of the advisory lock ("pens") under which one migrator works at a time."""

_INDEXING_LOCK = _LOCK + 1
"""Key of the lock under which one of them makes indexes. It is asked for again and again: a statement that waits is
itself waited for by those that make an index."""

LOCK_TIMEOUT = 5
"""Seconds to wait for a lock. Whoever waits for a table's holds up all who come after, so better try again."""

REFUSED = re.compile(r"authentication failed|no password supplied|pg_hba|does not exist|certificate|permission denied")
"""What a server says that will say the same the next time. In another language it is asked until patience is out."""


def upgrade(url: str) -> str:
    """Bring the database at `url` to the newest revision, and return the one it is at.

    Several at once are harmless, and so is a database that a newer version of the code has brought further.
    """
    with engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _make_indexes(connection)
    with engine(url).begin() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if is_enough(connection):
            return str(current(connection))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return newest()


def _make_indexes(connection: Connection) -> None:
    """Make the indexes of revisions to come whose tables may be large by now. Meanwhile they are read and written.

    Such a revision names them in `INDEXES`, and makes them itself where they are missing: in a database without tables.
    They are on columns that the revision before has. It takes as long as it takes; the Job's deadline bounds it.
    """
    at = current(connection)
    if at is None or is_enough(connection):
        return
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _INDEXING_LOCK}).scalar_one():
        time.sleep(0.1)
    for revision in ScriptDirectory.from_config(_config()).iterate_revisions("head", at):
        for name, columns in getattr(revision.module, "INDEXES", {}).items():
            valid = connection.execute(text(_IS_VALID), {"name": name}).scalar_one_or_none()
            if valid is False:  # whoever made it was killed
                connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
            if not valid:
                connection.execute(text(f"CREATE INDEX CONCURRENTLY {name} ON {columns}"))


_IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _upgrade_patiently(settings: RuntimeSettings) -> str:
    """The revision that was reached. Raises Unavailable, SettingsError where the server refuses us, DBAPIError."""
    found: list[str] = []
    server = waiting.postgresql(settings)

    def try_once() -> None:
        try:
            found.append(upgrade(settings.database_url))
        except OperationalError as error:
            if REFUSED.search(reason_of(error)):
                said = f"{server.kind} at {server.where}: {reason_of(error)}; {waiting.advice_on(error, server)}"
                raise SettingsError(said) from error
            raise

    waiting.wait_until(try_once, server, seconds=settings.migrate_patience)
    return found[0]


def main(arguments: list[str]) -> int:
    """0 once the tables are there, else 1 and one line that says why not."""
    parser = argparse.ArgumentParser(prog="python -m penstock_runtime.migrate", description=__doc__)
    parser.add_argument("--wait", type=float, metavar="SECONDS", help="change nothing; wait until somebody has")
    wait: float | None = parser.parse_args(arguments).wait
    settings = load_or_exit(RuntimeSettings)
    logging.configure(settings)
    try:
        if wait is None:
            sys.stdout.write(f"revision {_upgrade_patiently(settings)}\n")
        else:
            waiting.wait_until(lambda: require(settings.database_url), waiting.postgresql(settings), seconds=wait)
        return 0
    except (SettingsError, Unavailable) as error:
        sys.stderr.write(f"penstock: {error.message}\n")
    except DBAPIError as error:
        sys.stderr.write(f"penstock: the migration failed and has changed nothing: {reason_of(error)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
