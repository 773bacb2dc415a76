"""A relay leaves its ledger's name in Redis, by which two suites are told apart."""

from urllib.parse import urlsplit, urlunsplit

import pytest

from penstock_runtime import redis_server
from penstock_runtime.database import engine_on
from penstock_runtime.ledgers import FORGOTTEN_AFTER, KEY, identify, read_ledgers

ROLE = "penstock_incurious"


@pytest.fixture
def incurious(ledger, settings):
    """An engine for a user who may not ask for the name of the server's files."""
    ledger.execute(f"CREATE ROLE {ROLE} LOGIN", "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    parts = urlsplit(settings.database_url)
    url = urlunsplit(parts._replace(netloc=f"{ROLE}@{parts.netloc.rpartition('@')[2]}"))
    engine = engine_on(url, most=1, timeout=5)
    yield engine
    engine.dispose()
    ledger.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC", f"DROP ROLE {ROLE}")


def test_a_ledger_is_known_by_one_name_over_any_connection(ledger):
    first, second = ledger.do(identify), ledger.do(identify)
    assert first == second
    assert first.endswith(":public")


def test_where_the_server_does_not_tell_its_name_nothing_is_left_and_the_relay_goes_on(incurious):
    with incurious.begin() as connection:
        assert identify(connection) == ""
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_a_relay_leaves_its_ledger_and_where_it_is_and_takes_old_ones_away(settings, broker, relay, ledger):
    now = int(broker.time()[0])
    broker.hset(KEY, "old", f"{now - FORGOTTEN_AFTER - 10} long.gone:5432/jobs")
    broker.hset(KEY, "of yesterday", f"{now - FORGOTTEN_AFTER + 100} gone:5432/jobs")
    relay().one_pass()
    with redis_server.client(settings) as client:
        found = read_ledgers(client)
    assert [seen.ledger for seen in found] == [ledger.do(identify), "of yesterday"]
    assert found[0].where.endswith("/emptied")
    assert "@" not in found[0].where
