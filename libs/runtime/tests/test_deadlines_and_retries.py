"""What a client may wish for a job: a time by which it starts, and another try after it has failed."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select, update

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.ledger import accept, cancel, read_job, start_over
from penstock_runtime.ledger import run as ledger
from penstock_runtime.ledger.lost import pass_deadlines
from penstock_runtime.schema import jobs

MESSAGE = PRUNE.message(Prune(days=1))
TERMS = {"lease": 20.0, "worker": "test"}
EARLIER = datetime.now(UTC) - timedelta(seconds=1)


def state(database: Engine, job_id: str) -> str:
    with database.connect() as connection:
        job = read_job(connection, job_id, tenant="default")
    assert job is not None
    return job.state


def a_job(database: Engine, **wishes: object) -> str:
    with database.begin() as connection:
        return accept(connection, MESSAGE, tenant="default", **wishes).job_id


def test_a_job_is_not_started_after_its_deadline(database: Engine) -> None:
    job_id = a_job(database, deadline=EARLIER)
    with database.begin() as connection:
        assert ledger.claim(connection, job_id, uuid4(), **TERMS) is None
        assert pass_deadlines(connection, most=10) == [job_id]
    with database.begin() as connection:
        job = read_job(connection, job_id, tenant="default")
    assert job is not None
    assert (job.state, job.error["code"]) == ("cancelled", "deadline_passed")


def test_a_job_that_runs_at_its_deadline_goes_on(database: Engine) -> None:
    job_id, token = a_job(database, deadline=datetime.now(UTC) + timedelta(hours=1)), uuid4()
    with database.begin() as connection:
        assert ledger.claim(connection, job_id, token, **TERMS)
        connection.execute(update(jobs).values(deadline=EARLIER))
        assert pass_deadlines(connection, most=10) == []
        assert ledger.finish(connection, job_id, token, {})


@pytest.mark.parametrize("end", ["failed", "dead", "cancelled"])
def test_a_job_that_ended_badly_starts_over_with_all_its_attempts(database: Engine, end: str) -> None:
    job_id, token = a_job(database), uuid4()
    with database.begin() as connection:
        ledger.claim(connection, job_id, token, **TERMS)
        ledger.fail(connection, job_id, token, {"code": "x", "message": "y"}, state=end)
        again = start_over(connection, job_id, tenant="default")
        assert again is not None
        assert (again.state, again.attempt, again.error, again.finished_at) == ("accepted", 0, None, None)
        assert not ledger.finish(connection, job_id, token, {}), "the old run has no say any more"
        assert ledger.claim(connection, job_id, uuid4(), **TERMS)


def test_a_cancelled_job_that_starts_over_is_not_cancelled_again(database: Engine) -> None:
    job_id = a_job(database)
    with database.begin() as connection:
        cancel(connection, job_id, tenant="default")
        start_over(connection, job_id, tenant="default")
        claimed = ledger.claim(connection, job_id, uuid4(), **TERMS)
    assert claimed is not None
    assert not claimed.job.cancel_requested


def test_a_job_that_succeeded_or_runs_or_is_anothers_does_not_start_over(database: Engine) -> None:
    job_id, token = a_job(database), uuid4()
    with database.begin() as connection:
        ledger.claim(connection, job_id, token, **TERMS)
        assert start_over(connection, job_id, tenant="another") is None
        assert start_over(connection, job_id, tenant="default").state == "running"
        ledger.finish(connection, job_id, token, {})
        assert start_over(connection, job_id, tenant="default").state == "succeeded"


def test_each_end_of_a_job_with_a_webhook_makes_one_job_that_tells_of_it(database: Engine) -> None:
    job_id = a_job(database, webhook="https://example.org/hook")
    telling = select(jobs.c.payload).where(jobs.c.task == "ops_trace.webhook")
    for times in (1, 2):
        with database.begin() as connection:
            token = uuid4()
            ledger.claim(connection, job_id, token, **TERMS)
            ledger.fail(connection, job_id, token, {"code": "x", "message": "y"})
            ledger.fail(connection, job_id, token, {"code": "x", "message": "y"})
            told = connection.execute(telling).scalars().all()
            assert [(one["job_id"], one["url"]) for one in told] == [(job_id, "https://example.org/hook")] * times
            assert len({one["ended_at"] for one in told}) == times
            start_over(connection, job_id, tenant="default")


def test_a_job_without_a_webhook_tells_nobody(database: Engine) -> None:
    job_id = a_job(database)
    with database.begin() as connection:
        cancel(connection, job_id, tenant="default")
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 1
