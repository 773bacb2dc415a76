"""Counted in the row: how often a worker died with a job, and how often it was published since it was last started."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from penstock_runtime.ledger import lost, start_over
from penstock_runtime.ledger import run as steps
from penstock_runtime.ledger.publish import mark_queued, take_due
from penstock_runtime.schema import NOW

OOPS = {"code": "oops", "message": "it did not work"}
PAST = NOW - timedelta(seconds=1)


@pytest.fixture
def claim(ledger):
    """`claim(job_id)` as a worker does it, each time with a new token."""
    return lambda job_id, token=None: ledger.do(steps.claim, job_id, token or uuid4(), lease=20, worker="a worker")


@pytest.fixture
def publish(ledger):
    """Publish all that is due, as the relay does, and have Redis confirm it or not."""

    def once(*, confirmed=True):
        ledger.change(published_at=None)
        due = ledger.do(take_due, most=100, publish_timeout=10)
        if confirmed:
            ledger.do(mark_queued, due)
        return due

    return once


@pytest.fixture
def bring_back(ledger):
    """Redis has lost every message."""
    return lambda: ledger.change(state="accepted", published_at=None)


@pytest.fixture
def job_id(ledger):
    return ledger.accept().job_id


def let_lease_run_out(ledger, job_id):
    ledger.change(job_id, lease_until=PAST)
    return ledger.do(lost.expire_leases, most=10, until=datetime.now(UTC) + timedelta(hours=1))


def test_a_job_has_died_with_no_worker_before_one_did(ledger, claim, job_id):
    claim(job_id)
    assert ledger.row(job_id).losses == 0


def test_each_lease_that_runs_out_is_a_loss_the_last_one_too(ledger, claim, job_id):
    ledger.change(job_id, attempts=2)
    for state, losses in (("accepted", 1), ("dead", 2)):
        claim(job_id)
        assert let_lease_run_out(ledger, job_id) == [job_id]
        assert (ledger.row(job_id).state, ledger.row(job_id).losses) == (state, losses)


def test_a_job_that_is_taken_before_its_lost_lease_was_noticed_has_a_loss(ledger, claim, job_id):
    claim(job_id)
    ledger.change(job_id, lease_until=PAST)
    token = uuid4()
    claim(job_id, token)
    assert ledger.row(job_id).losses == 1
    claim(job_id, token)
    assert ledger.row(job_id).losses == 1


@pytest.mark.parametrize(("counted", "losses"), [(True, 1), (False, 0)])
def test_a_job_that_a_worker_gave_back_has_a_loss_where_its_process_died(ledger, claim, job_id, counted, losses):
    ledger.do(steps.give_back, job_id, claim(job_id).token, OOPS, counted=counted)
    assert ledger.row(job_id).losses == losses


def test_a_retry_is_no_loss(ledger, claim, job_id):
    ledger.do(steps.retry, job_id, claim(job_id).token, OOPS, after=0)
    assert ledger.row(job_id).losses == 0


def test_only_what_redis_confirmed_is_a_publication(ledger, publish, bring_back, job_id):
    publish(confirmed=False)
    assert ledger.row(job_id).publications == 0
    for count in (1, 2):
        publish()
        assert ledger.row(job_id).publications == count
        bring_back()


def test_a_publication_is_counted_once_however_often_it_is_confirmed(ledger, publish, job_id):
    ledger.do(mark_queued, publish())
    assert ledger.row(job_id).publications == 1


def test_a_start_begins_the_count_of_publications_anew(ledger, publish, bring_back, claim, job_id):
    publish()
    claim(job_id)
    assert ledger.row(job_id).publications == 0
    bring_back()
    publish()
    assert ledger.row(job_id).publications == 1


def test_a_job_that_starts_over_was_never_published_and_keeps_its_losses(ledger, publish, job_id):
    publish()
    ledger.change(job_id, state="dead", losses=2)
    ledger.do(start_over, job_id, tenant="default")
    assert (ledger.row(job_id).publications, ledger.row(job_id).losses) == (0, 2)
