"""Connections that break while nobody looks."""

import pytest
from sqlalchemy import select, text

from penstock_runtime.database import LOST, engine_on
from penstock_runtime.schema import jobs

PID = text("SELECT pg_backend_pid()")


@pytest.fixture
def engine_of(settings):
    made = []

    def make(**options):
        made.append(engine_on(settings.database_url, timeout=5, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def pid(engine):
    with engine.connect() as connection:
        return connection.execute(PID).scalar_one()


def end_session(ledger, pid):
    ledger.execute(f"SELECT pg_terminate_backend({pid}, 5000)")


def test_a_connection_that_broke_while_it_was_idle_is_replaced(engine_of, ledger):
    engine = engine_of(most=1, ping_after=0)
    first = pid(engine)
    end_session(ledger, first)
    assert pid(engine) != first


def test_a_connection_that_broke_in_steady_use_fails_once_and_takes_the_others_with_it(engine_of, ledger):
    engine = engine_of(most=2, ping_after=60)
    with engine.connect() as one, engine.connect() as two:
        pids = {connection.execute(PID).scalar_one() for connection in (one, two)}
    for number in pids:
        end_session(ledger, number)
    with pytest.raises(LOST):
        pid(engine)
    assert not {pid(engine), pid(engine)} & pids


def test_a_statement_of_an_autocommitting_engine_is_committed_when_it_returns(engine_of, ledger):
    job = ledger.accept()
    engine = engine_of(most=1, autocommit=True)
    with engine.connect() as connection:
        connection.execute(jobs.update().values(tenant="another"))
        assert ledger.row(job.job_id).tenant == "another"
        assert connection.execute(select(jobs.c.tenant)).scalar_one() == "another"
