"""Leases that ran out: whose worker is dead is put back in line, and nobody is judged on a database's bad day."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from penstock_contracts.queues import OPS_TRACE
from penstock_runtime.ledger import lost
from penstock_runtime.ledger import run as steps
from penstock_runtime.schema import NOW

PAST = NOW - timedelta(seconds=1)
FUTURE = NOW + timedelta(hours=1)
LEASE = timedelta(seconds=2)


@pytest.fixture
def abandoned(ledger):
    """Make jobs whose worker has died: `abandoned()` is a job's id."""

    def make():
        job_id = ledger.accept().job_id
        ledger.do(steps.claim, job_id, uuid4(), lease=0, worker="a dead worker")
        return job_id

    return make


@pytest.fixture
def now(ledger):
    return lambda: ledger.do(lambda connection: connection.execute(select(NOW)).scalar_one())


@pytest.fixture
def judge(relay, abandoned, ledger, eventually):
    """A relay that has watched for a whole lease, and judges."""
    one = relay()
    first = abandoned()
    eventually(lambda: one.one_pass() or ledger.row(first).state != "running")
    return one


def expire(ledger):
    return ledger.do(lost.expire_leases, most=100, until=FUTURE)


def test_a_job_whose_lease_ran_out_is_put_back_in_line_for_the_relay_to_publish(ledger, abandoned):
    job_id = abandoned()
    assert expire(ledger) == [job_id]
    row = ledger.row(job_id)
    assert (row.state, row.published_at, row.attempt, row.finished_at) == ("accepted", None, 1, None)


def test_a_job_whose_lease_runs_is_left_alone(ledger, abandoned):
    job_id = abandoned()
    ledger.change(job_id, lease_until=FUTURE)
    assert expire(ledger) == []
    assert ledger.row(job_id).state == "running"


def test_a_job_whose_worker_died_on_every_attempt_is_dead(ledger, abandoned):
    job_id = abandoned()
    ledger.change(job_id, attempt=OPS_TRACE.attempts)
    expire(ledger)
    row = ledger.row(job_id)
    assert (row.state, row.error["code"], row.token) == ("dead", "worker_lost", None)
    assert row.finished_at


def test_a_job_to_be_cancelled_whose_worker_died_is_cancelled(ledger, abandoned):
    job_id = abandoned()
    ledger.change(job_id, cancel_requested=True, attempt=OPS_TRACE.attempts)
    expire(ledger)
    row = ledger.row(job_id)
    assert (row.state, row.error["code"], row.token) == ("cancelled", "cancelled", None)
    assert row.finished_at


def test_two_who_judge_at_once_put_each_job_back_once(ledger, abandoned, at_once):
    ids = [abandoned() for _ in range(20)]
    first, second = at_once(2, lambda _: expire(ledger))
    assert sorted(first + second) == ids


def test_nobody_is_judged_before_the_database_was_seen_healthy_for_a_whole_lease(
    ledger, relay, abandoned, now, eventually
):
    job_id = abandoned()
    began, one = now(), relay()
    one.one_pass()
    assert ledger.row(job_id).state == "running"
    eventually(lambda: one.one_pass() or ledger.row(job_id).state != "running")
    assert now() - began >= LEASE


def test_after_the_relay_itself_was_stopped_the_term_begins_anew(ledger, judge, abandoned, now, eventually):
    job_id, stopped_at = abandoned(), now()
    eventually(lambda: now() - stopped_at > LEASE / 2)
    resumed_at = now()
    judge.one_pass()
    assert ledger.row(job_id).state == "running"
    eventually(lambda: judge.one_pass() or ledger.row(job_id).state != "running")
    assert now() - resumed_at >= LEASE


def test_nobody_is_judged_by_a_statement_that_a_frozen_database_was_late_with(
    ledger, judge, abandoned, database, now, in_background, eventually
):
    job_id = abandoned()
    ledger.change(job_id, lease_until=FUTURE)
    with database.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE jobs")
        passing = in_background(judge.one_pass)
        eventually(ledger.waiting)
        # No worker could renew meanwhile: at the end of the freeze its lease has run out.
        connection.exec_driver_sql("UPDATE jobs SET lease_until = clock_timestamp()")
        froze_at = now()
        eventually(lambda: now() - froze_at > LEASE / 2)
    passing.result()
    assert ledger.row(job_id).state == "running"
    eventually(lambda: judge.one_pass() or ledger.row(job_id).state != "running")
    assert now() - froze_at >= LEASE
