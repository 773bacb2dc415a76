"""What the doctor says of a PostgreSQL that is not well; each is made."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from small_disk import fill, small_disk
from sqlalchemy import text

from penstock_cli.embedded import postgres_in
from penstock_cli.local.ports import free_port
from penstock_runtime.doctor.codes import Code, code_of
from penstock_runtime.findings import Level
from penstock_runtime.migrate import upgrade
from penstock_runtime.revisions import newest
from penstock_runtime.waiting import ADVICE

PASSWORD = "not-the-one"
POOR = "penstock_poor"


def at(url: str, **parts: str) -> str:
    return urlunsplit(urlsplit(url)._replace(**parts))


def with_login(url: str, login: str) -> str:
    return at(url, netloc=f"{login}@{urlsplit(url).netloc.rpartition('@')[2]}")


@pytest.fixture
def poor(ledger, settings) -> Iterator[str]:
    """The URL for a user who owns nothing and was given nothing."""
    ledger.execute(f"CREATE ROLE {POOR} LOGIN PASSWORD 'the-one'")
    yield with_login(settings.database_url, f"{POOR}:{PASSWORD}")
    ledger.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{POOR}'",
        f"DROP OWNED BY {POOR}",
        f"DROP ROLE {POOR}",
    )


@pytest.fixture
def asks_for_passwords(ledger, servers_folder, eventually) -> Iterator[None]:
    """The server asks that user for a password, and nobody else."""
    file = servers_folder / "postgres" / "pg_hba.conf"
    before = file.read_text()

    def says(rules: str) -> None:
        file.write_text(rules)
        ledger.execute("SELECT pg_reload_conf()")

    says(f"host all {POOR} 127.0.0.1/32 scram-sha-256\n{before}")
    eventually(lambda: ledger.do(_first_rule) == "scram-sha-256")
    yield
    says(before)


def _first_rule(connection) -> str:
    return connection.execute(
        text("SELECT auth_method FROM pg_hba_file_rules ORDER BY line_number LIMIT 1")
    ).scalar_one()


@pytest.mark.parametrize(
    ("place", "code", "said", "fix"),
    [
        (
            "postgres@127.0.0.1:{free}/jobs",
            "postgresql_unreachable",
            "refused",
            "look at host and port, and whether it",
        ),
        ("postgres@nowhere.invalid/jobs", "postgresql_host", "nowhere.invalid", "look at the host's name"),
        ("postgres@127.0.0.1:{silent}/jobs", "postgresql_silent", "timeout", "firewall or NetworkPolicy"),
        ("{server}/no_such", "postgresql_database", '"no_such" does not exist', "the number or name of the database"),
        ("{server}/jobs?sslmode=require", "postgresql_tls", "SSL", "TLS, and which authority"),
    ],
)
def test_a_postgresql_that_is_not_reached(found, settings, silent_port, place, code, said, fix):
    server = urlsplit(settings.database_url).netloc
    url = "postgresql://" + place.format(free=free_port(), silent=silent_port, server=server)
    seen = found(database_url=url, doctor_seconds=10)[code]
    assert (seen.level, said in seen.what, fix in seen.fix) == (Level.ERROR, True, True), seen


def test_a_postgresql_that_answers_too_late_is_not_waited_for(found, silent_port):
    seen = found(database_url=f"postgresql://postgres@127.0.0.1:{silent_port}/jobs", doctor_seconds=0.5)
    assert seen["postgresql_silent"].what == "what it was asked was not answered within 0.5 s"


def test_a_wrong_password_of_postgresql_is_said_and_not_shown(found, poor, asks_for_passwords):
    seen = found(database_url=poor)["postgresql_login"]
    assert "password authentication failed" in seen.what
    assert "look at user name and password (PENSTOCK_DATABASE_URL" in seen.fix
    assert PASSWORD not in repr(seen)


def test_a_user_who_may_not_read_the_tables_and_the_fix_lets_it(found, ledger, poor):
    seen = found(database_url=poor)["postgresql_rights"]
    assert f"its user {POOR} may not SELECT in" in seen.what
    ledger.execute(seen.fix)
    assert "postgresql_rights" not in found(database_url=poor)


def test_tables_that_are_not_made_are_behind_or_are_a_newer_versions(found, ledger, settings):
    nothing = found(database_url=at(settings.database_url, path="/template1"))["postgresql_not_migrated"]
    assert nothing.what == f"the tables are not made, and this version needs {newest()}"
    assert nothing.fix.startswith("penstock migrate")
    for revision, code in (("0001", "postgresql_not_migrated"), ("9001", "postgresql_newer")):
        ledger.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
        try:
            seen = found()
        finally:
            ledger.execute(f"UPDATE alembic_version SET version_num = '{newest()}'")
        assert f"revision {revision}" in seen[code].what
        assert seen[code].level == (Level.ERROR if revision < newest() else Level.WARNING)


def test_a_postgresql_that_is_read_only(found, ledger):
    with ledger.read_only():
        seen = found()["postgresql_read_only"]
    assert seen.what == "it is set to default_transaction_read_only: no job is accepted"
    assert "name the primary" in seen.fix


def test_a_postgresql_that_refuses_for_a_reason_of_its_own(found, settings):
    with psycopg.connect(at(settings.database_url, path="/template1"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE of_nobody ALLOW_CONNECTIONS false")
        try:
            seen = found(database_url=at(settings.database_url, path="/of_nobody"))["postgresql_refuses"]
        finally:
            admin.execute("DROP DATABASE of_nobody")
    assert "not currently accepting connections" in seen.what
    assert "look at the server's own log" in seen.fix


def test_whatever_stops_a_server_has_a_code():
    assert {code_of(server, name) for server in ("redis", "rabbitmq", "postgresql") for name, _, _ in ADVICE} <= {*Code}
    assert code_of("postgresql", "cluster") == "postgresql_refuses"


def test_a_table_that_somebody_has_locked(found, ledger):
    with ledger.engine.begin() as connection:
        connection.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        seen = found(doctor_seconds=2)["postgresql_silent"]
    assert "statement timeout" in seen.what


@pytest.fixture
def small_postgres(mortal, folder) -> str:
    """The URL of one that has room for a dozen connections."""
    server = postgres_in(folder / "small" / "postgres", free_port())
    mortal(replace(server, command=[*server.command, "-c", "max_connections=12"]))
    upgrade(server.url)
    return server.url


def test_a_postgresql_without_connections_left(found, small_postgres):
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(psycopg.connect(small_postgres))
        nearly = found(database_url=small_postgres)["postgresql_connections"]
        assert (nearly.level, nearly.what) == (Level.WARNING, "9 of 9 connections are in use")
        with psycopg.connect(small_postgres) as admin:
            admin.execute(f"CREATE ROLE {POOR} LOGIN")
        stack.enter_context(psycopg.connect(small_postgres))
        none = found(database_url=with_login(small_postgres, POOR))["postgresql_connections"]
    assert none.level is Level.ERROR
    assert "connection slots" in none.what
    assert "look at how many it lets connect" in none.fix


def test_a_postgresql_whose_disk_is_full(found, folder, mortal):
    with small_disk(folder / "small", megabytes=120) as disk:
        server = mortal(postgres_in(disk / "postgres", free_port()))
        upgrade(server.server.url)
        filler = fill(disk)
        seen = found(database_url=server.server.url)["postgresql_full"]
        assert "No space left on device" in seen.what
        assert "df -h" in seen.fix
        filler.unlink()
        assert "postgresql_full" not in found(database_url=server.server.url)
        server.kill()
