"""Migrations make the tables that the code has, once, and a database that is ahead is good enough."""

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError, ProgrammingError

from penstock_runtime import migrate, revisions
from penstock_runtime.database import engine_on
from penstock_runtime.schema import metadata


@pytest.fixture
def blank_url(postgres_server):
    """A database without tables."""
    server = postgres_server.url.rpartition("/")[0]
    with psycopg.connect(f"{server}/template1", autocommit=True) as admin:
        admin.execute("CREATE DATABASE blank TEMPLATE template0")
        yield f"{server}/blank"
        admin.execute("DROP DATABASE blank WITH (FORCE)")


@pytest.fixture
def connection(blank_url):
    engine = engine_on(blank_url, most=2, timeout=5)
    with engine.connect() as made:
        yield made
    engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_has(blank_url, connection):
    migrate.upgrade(blank_url)
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, metadata) == []


def test_the_checks_of_a_table_are_those_that_the_code_has(blank_url, connection):
    def checks():
        query = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' ORDER BY 1"
        return connection.exec_driver_sql(query).all()

    migrate.upgrade(blank_url)
    migrated = checks()
    connection.exec_driver_sql("DROP SCHEMA public CASCADE")
    connection.exec_driver_sql("CREATE SCHEMA public")
    metadata.create_all(connection)
    assert migrated == checks()


def test_upgrading_twice_is_upgrading_once(blank_url, connection):
    assert migrate.upgrade(blank_url) == migrate.upgrade(blank_url) == revisions.newest()
    assert revisions.current(connection) == revisions.newest()


def test_the_names_of_the_files_tell_the_revisions_in_their_order():
    script = ScriptDirectory.from_config(migrate._config())
    in_order = [one.revision for one in reversed(list(script.walk_revisions()))]
    assert all(revisions.is_known(revision) for revision in in_order)
    assert in_order == sorted(in_order)
    assert in_order[-1] == script.get_current_head() == revisions.newest()
    assert not revisions.is_known("9999")


def test_several_may_upgrade_at_once(blank_url, connection, at_once):
    assert at_once(4, lambda _: migrate.upgrade(blank_url)) == [revisions.newest()] * 4
    assert revisions.is_enough(connection)


def test_a_database_is_enough_from_the_newest_revision_on(blank_url, connection):
    assert not revisions.is_enough(connection)
    migrate.upgrade(blank_url)
    assert revisions.is_enough(connection)
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")  # a newer version's, after a rollback
    assert revisions.is_enough(connection)
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert revisions.is_enough(connection) == (revisions.newest() == "0001")


def test_a_start_waits_for_the_tables(blank_url):
    with pytest.raises(OperationalError, match="the tables are not made yet"):
        revisions.require(blank_url)
    migrate.upgrade(blank_url)
    revisions.require(blank_url)


def test_an_upgrade_that_fails_leaves_nothing_behind(blank_url, connection):
    connection.exec_driver_sql("CREATE TABLE user_actions (id text)")
    connection.commit()
    with pytest.raises(ProgrammingError, match="user_actions"):
        migrate.upgrade(blank_url)
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert connection.exec_driver_sql(tables).scalars().all() == ["user_actions"]


@pytest.fixture
def before_0009(blank_url, connection):
    """A database of before its indexes."""
    migrate.upgrade(blank_url)
    names = ", ".join(indexes())
    connection.exec_driver_sql(f"DROP INDEX {names}")
    for name, columns in REPLACED.items():
        connection.exec_driver_sql(f"CREATE INDEX {name} ON {columns}")
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0008'")
    connection.commit()
    return blank_url


REPLACED = {
    "ix_jobs_tenant_created_at_id": "jobs (tenant, created_at DESC, id DESC)",
    "ix_jobs_tenant_state_created_at_id": "jobs (tenant, state, created_at DESC, id DESC)",
}


def indexes():
    script = ScriptDirectory.from_config(migrate._config())
    return script.get_revision("0009").module.INDEXES


def valid_indexes(connection):
    query = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'jobs'::regclass AND indisvalid"
    return set(connection.exec_driver_sql(query).scalars())


ACCEPT = (
    "INSERT INTO jobs (id, tenant, task, queue, payload, state, attempts) VALUES (%s, '', '', '', '{}', 'accepted', 1)"
)


def test_jobs_are_accepted_while_an_index_on_them_is_made(before_0009, connection, in_background, eventually):
    connection.exec_driver_sql(ACCEPT, ("not yet committed",))
    upgrading = in_background(migrate.upgrade, before_0009)
    with psycopg.connect(before_0009, autocommit=True) as another:
        making = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%' AND wait_event_type = 'Lock'"
        eventually(lambda: another.execute(making.replace("%%", "%")).fetchone() == (1,))
        another.execute("SET lock_timeout = '2s'")
        another.execute(ACCEPT, ("meanwhile",))
    connection.commit()
    assert upgrading.result(60) == revisions.newest()
    assert indexes().keys() <= valid_indexes(connection)


def test_an_index_that_was_not_made_to_its_end_is_made_anew(before_0009, connection):
    [name, *_] = indexes()
    connection.exec_driver_sql(f"CREATE INDEX {name} ON jobs (id)")
    connection.exec_driver_sql(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass")
    connection.commit()
    migrate.upgrade(before_0009)
    assert indexes().keys() <= valid_indexes(connection)
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, metadata) == []


def test_indexes_that_others_replace_are_gone(before_0009, connection):
    assert REPLACED.keys() <= valid_indexes(connection)
    connection.commit()
    migrate.upgrade(before_0009)
    assert not REPLACED.keys() & valid_indexes(connection)


def test_several_may_make_indexes_at_once(before_0009, connection, at_once):
    assert at_once(4, lambda _: migrate.upgrade(before_0009)) == [revisions.newest()] * 4
    assert indexes().keys() <= valid_indexes(connection)


def test_the_relays_one_row_is_there(blank_url, connection):
    migrate.upgrade(blank_url)
    assert connection.exec_driver_sql("SELECT id, epoch, confirmed, run_id FROM relay").all() == [(1, 0, 0, None)]
