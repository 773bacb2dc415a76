"""What is wrong with the PostgreSQL that keeps the jobs."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from penstock_runtime import revisions, waiting
from penstock_runtime.database import LOST, engine_on
from penstock_runtime.doctor.codes import Code, code_of
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.doctor.sight import Sight, clock_of
from penstock_runtime.findings import Finding, Level
from penstock_runtime.schema import NOW, metadata
from penstock_runtime.settings import RuntimeSettings

READS_AND_WRITES = ("SELECT", "INSERT", "UPDATE", "DELETE")

UNREADABLE = (Code.POSTGRESQL_NOT_MIGRATED, Code.POSTGRESQL_RIGHTS)
"""With these the jobs cannot be read."""

ERRORS = (*LOST, DBAPIError)
"""What a server that is gone raises, and one that refuses."""

PROBE_BLOCKS = 32
"""Blocks of 8 kB that are written to see whether the disk takes them."""


@contextmanager
def connected(settings: RuntimeSettings, bounds: DoctorSettings) -> Iterator[Connection]:
    """A connection on which nothing takes longer than half of what a server is given. Raises ERRORS."""
    half = bounds.doctor_seconds / 2
    engine = engine_on(settings.database_url, most=1, timeout=half, statement_timeout=half)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def look_at(sight: Sight, settings: RuntimeSettings, bounds: DoctorSettings) -> None:
    """See whether it is reached, migrated, allowed, writes, and has room."""
    about = _about(settings)
    try:
        with connected(settings, bounds) as connection:
            sight.clock = clock_of("PostgreSQL", lambda: _time(connection))
            found = list(_rights(connection, about)) or list(_revision(connection, about))
            found += _room(connection, bounds, about)
            found += _writing(connection, about)
    except ERRORS as error:
        sight.findings.append(unanswered(error, settings))
        return
    sight.findings += found
    sight.readable = all(finding.code not in UNREADABLE for finding in found)


def unanswered(error: BaseException, settings: RuntimeSettings) -> Finding:
    """What is wrong with a PostgreSQL that answers so."""
    server = waiting.postgresql(settings)
    name, _ = waiting.trouble_of(error)
    fix = waiting.advice_on(error, server)
    return Finding(code_of("postgresql", name), _about(settings), waiting.reason_of(error), fix)


def _about(settings: RuntimeSettings) -> str:
    return f"PostgreSQL at {waiting.postgresql(settings).where}"


def _time(connection: Connection) -> float:
    return float(connection.execute(select(func.extract("epoch", NOW))).scalar_one())


def _revision(connection: Connection, about: str) -> Iterator[Finding]:
    there, needed = revisions.current(connection), revisions.newest()
    if there == needed:
        return
    if there is None or revisions.is_known(there):
        where = f"the tables are at revision {there}" if there else "the tables are not made"
        what = f"{where}, and this version needs {needed}"
        fix = "penstock migrate; on a cluster see why its Job did not: kubectl get jobs"
        yield Finding(Code.POSTGRESQL_NOT_MIGRATED, about, what, fix)
        return
    what = f"a newer version has migrated it, to revision {there}: this one knows {needed} and works with it"
    yield Finding(
        Code.POSTGRESQL_NEWER, about, what, "finish the upgrade, or know that this is a rollback", Level.WARNING
    )


def _rights(connection: Connection, about: str) -> Iterator[Finding]:
    names = ["alembic_version", *(table.name for table in metadata.sorted_tables)]
    query = text(
        "SELECT name, right_ FROM unnest(CAST(:names AS text[])) AS name, unnest(CAST(:rights AS text[])) AS right_"
        " WHERE NOT has_table_privilege(to_regclass(name), right_)"
    )
    lacking = connection.execute(query, {"names": names, "rights": list(READS_AND_WRITES)}).all()
    if lacking:
        user, schema = connection.execute(text("SELECT current_user, current_schema()")).one()
        what = f"its user {user} may not {lacking[0].right_} in {lacking[0].name}, and lacks {len(lacking)} such rights"
        fix = f"GRANT {', '.join(READS_AND_WRITES)} ON ALL TABLES IN SCHEMA {schema} TO {user}"
        yield Finding(Code.POSTGRESQL_RIGHTS, about, what, fix)


def _room(connection: Connection, bounds: DoctorSettings, about: str) -> Iterator[Finding]:
    # What is reserved for superusers and the like is not for the suite.
    query = text(
        "SELECT (SELECT sum(numbackends) FROM pg_stat_database) AS used, (SELECT sum(CAST(setting AS int) *"
        " CASE name WHEN 'max_connections' THEN 1 ELSE -1 END) FROM pg_settings WHERE name IN"
        " ('max_connections', 'superuser_reserved_connections', 'reserved_connections')) AS most"
    )
    used, most = connection.execute(query).one()
    if used / most >= bounds.doctor_full:
        what = f"{used} of {most} connections are in use"
        fix = "raise max_connections, lower PENSTOCK_DATABASE_CONNECTIONS, or put a pooler before it"
        yield Finding(Code.POSTGRESQL_CONNECTIONS, about, what, fix, Level.WARNING)


def _writing(connection: Connection, about: str) -> Iterator[Finding]:
    standby, read_only = connection.execute(
        text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'")
    ).one()
    if standby or read_only:
        why = "is a standby" if standby else "is set to default_transaction_read_only"
        fix = "name the primary (PENSTOCK_DATABASE_URL), or ALTER DATABASE … SET default_transaction_read_only = off"
        yield Finding(Code.POSTGRESQL_READ_ONLY, about, f"it {why}: no job is accepted", fix)
        return
    try:
        with connection.begin_nested() as attempt:
            # A table that is gone with the transaction: its blocks are asked of the disk, and no job's row is touched.
            connection.execute(text("CREATE TEMPORARY TABLE penstock_doctor (block text STORAGE PLAIN)"))
            connection.execute(
                text("INSERT INTO penstock_doctor SELECT repeat('x', 7000) FROM generate_series(1, :blocks)"),
                {"blocks": PROBE_BLOCKS},
            )
            attempt.rollback()
    except DBAPIError as error:
        match getattr(error.orig, "sqlstate", None):
            case "53100":  # disk_full
                fix = "make room on its disk (df -h), or give it a larger one"
                what = f"its disk is full: {waiting.reason_of(error)}"
                yield Finding(Code.POSTGRESQL_FULL, about, what, fix)
            case "42501":  # insufficient_privilege: nothing else needs temporary tables, so this is not told
                pass
            case _:
                raise
