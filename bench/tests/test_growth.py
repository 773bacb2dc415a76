"""The tables are what they are said to be, each operation is really done, and what is not is found out."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
import redis
from bench.growth import FIRST, SMALLEST, Result, Side, Table, Wanted, settings_on
from bench.growth_ledger import LEAST, MOST_MS, OPS_TRACE, WORKER, Ledger, Took
from bench.growth_pages import FILTERS, SIZE, Pages
from bench.growth_report import drawn, grown
from bench.growth_rows import (
    BIG,
    EACH,
    MONTH,
    SMALL,
    STATES,
    make_finished,
    make_first,
    make_waiting,
    read_indexes,
    settle,
    without_indexes,
)
from bench.running import gunicorn
from bench.worker_run import running
from processes import eventually
from rich.console import Console

from penstock_cli.local.ports import free_port
from penstock_contracts.queues import QUEUES, Priority
from penstock_contracts.tasks import TASKS
from penstock_runtime.keys import create_key
from penstock_runtime.ledger import list_jobs


@pytest.fixture
def settings(database_url, redis_url):
    # Shorter than a relay may have it, so that no test waits for it.
    return settings_on(database_url, redis_url).model_copy(update={"lease": 0.3})


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def ledger(database, settings):
    make_first(database, settings)
    ledger = Ledger(settings)
    yield ledger
    ledger.close()


def counted(database, by):
    with database.connect() as connection:
        return dict(connection.exec_driver_sql(f"SELECT {by}, count(*) FROM jobs GROUP BY 1").all())


def test_each_index_is_read_before_a_table_is_measured(database, settings):
    make_first(database, settings)
    settle(database)
    unread = "SELECT indexrelname FROM pg_stat_user_indexes WHERE relname = 'jobs' AND idx_scan = 0"

    def names():
        with database.connect() as connection:
            return connection.exec_driver_sql(unread).scalars().all()

    assert "ix_jobs_ended_by_task" in names()
    read_indexes(database)
    eventually(lambda: not names(), "every index to be read")


def test_the_first_jobs_pass_each_filter_for_the_big_and_the_small_tenant(database, settings):
    make_first(database, settings)
    assert sum(counted(database, "state").values()) == FIRST
    filters = [{name: value for name, value in one.items() if name != "cursor"} for one in FILTERS.values()]
    with database.connect() as connection:
        for one in filters:
            for tenant in (BIG, SMALL):
                assert len(list_jobs(connection, tenant=tenant, limit=200, **one)) > SIZE, (tenant, one)


def test_more_jobs_are_spread_over_tenants_tasks_states_and_the_time_that_they_are_kept(database):
    make_finished(database, 3000)
    tenants, tasks, states = (counted(database, by) for by in ("tenant", "task", "state"))
    assert 0.2 < tenants[BIG] / 3000 < 0.35
    assert len(tenants) > 100
    assert len(tasks) == 4
    assert states.keys() == set(STATES[3:])
    with database.connect() as connection:
        first, last = connection.exec_driver_sql("SELECT min(finished_at), max(finished_at) FROM jobs").one()
    now = datetime.now(UTC)
    assert timedelta(days=MONTH - 1) < now - first < timedelta(days=MONTH)
    assert timedelta(minutes=5) < now - last < timedelta(hours=1)


def test_what_waits_has_its_message_with_the_same_stamp_the_oldest_next(database, settings, client):
    make_waiting(database, settings, 300)
    assert counted(database, "state") == {"queued": 300, "accepted": 30}
    with database.connect() as connection:
        stamps = dict(connection.exec_driver_sql("SELECT id, published_at FROM jobs WHERE state = 'queued'").all())
    found = {}
    for name in (name for queue in QUEUES for name in queue.list_names):
        line = [json.loads(raw)["headers"] for raw in client.lrange(name, 0, -1)]
        told = [datetime.fromisoformat(headers["penstock"]["published_at"]) for headers in line]
        assert told == sorted(told, reverse=True)
        found |= dict(zip((headers["id"] for headers in line), told, strict=True))
    assert found == stamps


def test_indexes_made_anew_are_those_of_before(database):
    def definitions():
        names = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisunique, indisvalid"
        with database.connect() as connection:
            kept = connection.exec_driver_sql(
                f"{names} FROM pg_index WHERE indrelid = 'jobs'::regclass ORDER BY 1"
            ).all()
            constraints = (
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('u', 'p') ORDER BY 1"
            )
            return kept, connection.exec_driver_sql(constraints).all()

    before = definitions()
    with database.begin() as connection, without_indexes(connection, really=True):
        left = connection.exec_driver_sql("SELECT count(*) FROM pg_indexes WHERE tablename = 'jobs'").scalar_one()
    assert left == 1
    assert definitions() == before


def test_a_round_does_everything_and_leaves_the_jobs_as_they_were(ledger):
    before, took = ledger.census(), Took()
    ledger.round(took)
    assert ledger.faults == {}
    assert ledger.census() == before
    assert {name: len(ms) for name, ms in took.ms.items()} == {
        "accept one": 10,
        "accept 100": 1,
        "take 100 that are due": 1,
        "mark 100 as queued": 2,
        "claim 25": 1,
        "claim": 25,
        "renew 50 leases": 1,
        "finish 25": 1,
        "finish": 25,
        "the relay's pass": 3,
        "rates of the queues": 3,
        "the relay's look for old jobs": 1,
    }
    assert min(min(ms) for ms in took.ms.values()) > 0


def test_a_round_claims_what_has_waited_longest(ledger, database, settings):
    make_waiting(database, settings, 1000)
    ledger.work(Took())
    with database.connect() as connection:
        query = (
            f"SELECT max(created_at) < min(now()) - interval '1 second', count(*) FROM jobs WHERE worker = '{WORKER}'"
        )
        assert connection.exec_driver_sql(query).one() == (True, 50)
    assert ledger.faults == {}


def test_what_is_not_done_is_a_fault(ledger, database):
    with database.begin() as connection:
        # No claim changes a row, nor does what follows from one.
        connection.exec_driver_sql(
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            "CREATE TRIGGER none_runs BEFORE UPDATE ON jobs FOR EACH ROW WHEN (new.state = 'running')"
            " EXECUTE FUNCTION nothing()"
        )
    ledger.round(Took())
    assert {
        "claimed jobs: 0 instead of 1",
        "leases that were renewed: 0 instead of 50",
        "finished jobs: 0 instead of 1",
        "jobs that were claimed and finished: 0 instead of 50",
    } <= ledger.faults.keys()


def test_a_job_that_the_relay_was_not_to_find_is_a_fault(ledger, database):
    with database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE jobs SET not_before = now() WHERE id = (SELECT min(id) FROM jobs WHERE state = 'accepted')"
        )
    ledger.round(Took())
    assert "due jobs: 101 instead of 100" in ledger.faults


def test_a_queued_job_without_a_message_is_a_fault(ledger, client):
    ledger.census()
    assert ledger.faults == {}
    client.delete(OPS_TRACE.list_name(Priority.BULK))
    ledger.census()
    [said] = ledger.faults
    assert said.startswith("messages of queued jobs: ")


def test_what_takes_long_is_done_a_few_times_only():
    took = Took()
    for _ in range(LEAST):
        assert took.wants("slow")
        took.add("slow", MOST_MS)
    assert not took.wants("slow")
    assert took.wants("another")


def test_pages_are_asked_of_the_api_and_a_page_that_is_not_whole_is_a_fault(database, settings, client, tmp_path):
    make_first(database, settings)
    with database.begin() as connection:
        keys = {name: create_key(connection, name, "a test")[1] for name in (BIG, SMALL, "nobody")}
    environment = {
        "PENSTOCK_DATABASE_URL": settings.database_url,
        "CELERY_BROKER_URL": settings.broker_url,
        "PENSTOCK_STORAGE_URL": tmp_path.as_uri(),
        "PENSTOCK_API_PORT": str(port := free_port()),
        "PENSTOCK_API_WORKERS": "1",
    }
    pages = Pages(port, keys)
    with running(gunicorn("growth-test", port, environment), tmp_path) as api:
        eventually(api.is_ready, "the API answers")
        took = Took()
        pages.round(took)
    assert took.ms.keys() == {f"{who}: {name}" for who in keys for name in FILTERS}
    assert pages.take_faults() == {f"nobody: {name}: not a whole page": 1 for name in FILTERS}
    assert pages.take_faults() == {}


def test_a_table_that_changes_while_it_is_measured_is_a_fault(database, settings, client):
    make_first(database, settings)
    side, faults = Side(database, settings, Mock(take_faults=Counter)), []
    with side.looking(faults, "a table") as look:
        look(Took())
        with database.begin() as connection:
            connection.exec_driver_sql("UPDATE jobs SET state = 'failed' WHERE state = 'cancelled'")
    count = 2 * len(TASKS) * EACH
    assert sorted(faults) == [
        f"a table: 0 of {count} jobs are cancelled",
        f"a table: {2 * count} of {count} jobs are failed",
    ]


def test_sizes_are_powers_of_ten_up_to_what_is_wanted():
    assert Wanted(10_000_000, 0, 1).sizes == [10_000, 100_000, 1_000_000, 10_000_000]
    assert Wanted(250_000, 0, 1).sizes == [10_000, 100_000, 250_000]
    assert Wanted(3000, 0, 1).sizes == [3000]
    assert FIRST < SMALLEST


def test_a_ratio_is_told_for_each_operation_and_whether_it_is_small_enough(tmp_path):
    tables = [
        Table(
            10_000,
            0,
            {"claim": [1.0, 2.0, 9.0], "big: first page": [2.0]},
            {"claim": [1.0, 1.0, 5.0], "big: first page": [2.0]},
        ),
        Table(10_000, 50, {"claim": [1.0], "big: first page": [2.9]}, {"claim": [1.0], "big: first page": [2.0]}),
    ]
    result = Result(Wanted(10_000, 50, 1), tables)
    assert (result.worst("claim"), result.worst("big: first page")) == (2.0, 1.45)
    console = Console(width=200, record=True)
    console.print(grown(result))
    lines = {line.strip().split("  ")[0]: line.split() for line in console.export_text().splitlines()}
    assert lines["claim"] == ["claim", "1.00", "2.00", "×", "1.00", "×", "1.00", "1.00", "1", "misses"]
    assert lines["big: first page"][-1] == "reaches"
    assert "1 of 2 within 1.5 ×" in lines
    drawn(result, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 1000
