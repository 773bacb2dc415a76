"""What a worker does with a row: one holds it at a time, and only who holds it may write."""

from datetime import timedelta
from uuid import uuid4

import pytest

from penstock_contracts.queues import OPS_TRACE
from penstock_runtime.ledger import cancel
from penstock_runtime.ledger import run as steps
from penstock_runtime.ledger.publish import mark_queued
from penstock_runtime.schema import NOW

OOPS = {"code": "oops", "message": "it did not work"}
PAST = NOW - timedelta(seconds=1)
FUTURE = NOW + timedelta(hours=1)


@pytest.fixture
def claim(ledger):
    """`claim(job_id)` as a worker does it, each time with a new token."""
    return lambda job_id, token=None: ledger.do(steps.claim, job_id, token or uuid4(), lease=20, worker="a worker")


@pytest.fixture
def job_id(ledger):
    return ledger.accept().job_id


def test_of_fifty_who_claim_a_job_at_once_one_wins(ledger, claim, job_id, at_once):
    claims = [taken for taken in at_once(50, lambda _: claim(job_id)) if taken]
    assert len(claims) == 1
    row = ledger.row(job_id)
    assert (row.state, row.attempt, row.token) == ("running", 1, claims[0].token)


def test_of_fifty_who_claim_an_abandoned_job_at_once_one_wins(ledger, claim, job_id, at_once):
    first = claim(job_id)
    ledger.change(job_id, lease_until=PAST)
    [second] = [taken for taken in at_once(50, lambda _: claim(job_id)) if taken]
    assert second.token != first.token
    assert ledger.row(job_id).attempt == 2


def test_a_claim_hands_out_the_payload_and_counts_the_attempt(ledger, claim, job_id):
    taken = claim(job_id)
    assert taken.payload == {"days": 365}
    assert (taken.job.id, taken.job.state, taken.job.attempt) == (job_id, "running", 1)
    row = ledger.row(job_id)
    assert row.worker == "a worker"
    assert row.lease_until - row.started_at == pytest.approx(timedelta(seconds=20), abs=timedelta(seconds=1))


def test_a_worker_may_be_quicker_than_the_publishers_own_update(ledger, claim):
    job = ledger.accept()
    assert claim(job.job_id)
    ledger.do(mark_queued, [job.publication])
    assert ledger.row(job.job_id).state == "running"


@pytest.mark.parametrize("state", ["accepted", "queued"])
def test_a_waiting_job_can_be_claimed(ledger, claim, job_id, state):
    ledger.change(job_id, state=state)
    assert claim(job_id)


def test_a_job_can_be_claimed_once_it_is_due(ledger, claim, job_id):
    ledger.change(job_id, not_before=FUTURE)
    assert claim(job_id) is None
    ledger.change(job_id, not_before=PAST)
    assert claim(job_id)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "dead"])
def test_a_finished_job_cannot_be_claimed(ledger, claim, job_id, state):
    ledger.change(job_id, state=state)
    assert claim(job_id) is None
    assert ledger.row(job_id).attempt == 0


@pytest.mark.parametrize("state", ["queued", "running"])
def test_nothing_can_be_claimed_whose_attempts_are_spent_or_that_is_to_be_cancelled(ledger, claim, job_id, state):
    spent, unwanted = job_id, ledger.accept().job_id
    ledger.change(spent, unwanted, state=state, lease_until=PAST)
    ledger.change(spent, attempt=OPS_TRACE.attempts)
    ledger.change(unwanted, cancel_requested=True)
    assert claim(spent) is None
    assert claim(unwanted) is None


def test_the_last_attempt_can_be_claimed(ledger, claim, job_id):
    ledger.change(job_id, attempt=OPS_TRACE.attempts - 1)
    assert claim(job_id)


def test_a_job_whose_lease_still_runs_cannot_be_claimed(claim, job_id):
    claim(job_id)
    assert claim(job_id) is None


def test_a_claim_whose_answer_was_lost_may_be_repeated_and_counts_once(ledger, claim, job_id):
    token = uuid4()
    assert claim(job_id, token).job.attempt == 1
    assert claim(job_id, token).job.attempt == 1


def test_a_claim_is_not_repeated_for_a_job_that_has_ended_since(ledger, claim, job_id):
    token = claim(job_id).token
    ledger.do(steps.finish, job_id, token, {})
    assert claim(job_id, token) is None


@pytest.mark.parametrize(
    "write",
    [
        lambda connection, job_id, token: steps.progress(connection, job_id, token, {"done": 1}),
        lambda connection, job_id, token: steps.finish(connection, job_id, token, {"by": "the first"}),
        lambda connection, job_id, token: steps.fail(connection, job_id, token, OOPS),
        lambda connection, job_id, token: steps.retry(connection, job_id, token, OOPS, after=5),
        lambda connection, job_id, token: steps.give_back(connection, job_id, token, OOPS, counted=True),
        lambda connection, job_id, token: steps.give_back(connection, job_id, token, OOPS, counted=False),
        lambda connection, job_id, token: steps.renew(connection, [(job_id, token)], lease=60),
    ],
    ids=["progress", "finish", "fail", "retry", "give_back", "give_back_uncounted", "renew"],
)
def test_a_write_with_an_old_token_changes_nothing(ledger, claim, job_id, write):
    old = claim(job_id).token
    ledger.change(job_id, lease_until=PAST)
    new = claim(job_id).token
    before = ledger.row(job_id)
    assert not ledger.do(write, job_id, old)
    assert ledger.row(job_id) == before
    assert ledger.do(steps.finish, job_id, new, {"by": "the second"})
    ended = ledger.row(job_id)
    assert not ledger.do(write, job_id, old)
    assert ledger.row(job_id) == ended


def test_the_same_finish_written_twice_is_one(ledger, claim, job_id):
    token = claim(job_id).token
    assert ledger.do(steps.finish, job_id, token, {"stored": 3})
    assert ledger.do(steps.finish, job_id, token, {"stored": 3})
    row = ledger.row(job_id)
    assert (row.state, row.result, row.error, row.lease_until) == ("succeeded", {"stored": 3}, None, None)


def test_a_run_that_succeeded_cannot_fail_afterwards(ledger, claim, job_id):
    token = claim(job_id).token
    ledger.do(steps.finish, job_id, token, {})
    assert not ledger.do(steps.fail, job_id, token, OOPS)
    assert ledger.do(steps.retry, job_id, token, OOPS, after=1) is None
    assert ledger.row(job_id).state == "succeeded"


def test_a_retry_waits_in_the_ledger_and_no_message_is_on_its_way(ledger, claim, job_id):
    token = claim(job_id).token
    assert ledger.do(steps.retry, job_id, token, OOPS, after=3600) == "accepted"
    row = ledger.row(job_id)
    assert (row.state, row.token, row.lease_until, row.published_at) == ("accepted", None, None, None)
    assert (row.attempt, row.error, row.finished_at) == (1, OOPS, None)
    assert timedelta(minutes=59) < row.not_before - row.started_at < timedelta(minutes=61)
    assert claim(job_id) is None


def test_a_retry_on_the_last_attempt_is_the_end(ledger, claim, job_id):
    ledger.change(job_id, attempts=1)
    token = claim(job_id).token
    assert ledger.do(steps.retry, job_id, token, OOPS, after=5) == "dead"
    row = ledger.row(job_id)
    assert (row.state, row.error) == ("dead", OOPS)
    assert row.finished_at


def test_a_job_given_back_by_its_worker_is_free_at_once_and_loses_no_attempt(ledger, claim, job_id):
    ledger.change(job_id, attempts=1)
    token = claim(job_id).token
    assert ledger.do(steps.give_back, job_id, token, OOPS, counted=False) == "accepted"
    row = ledger.row(job_id)
    assert (row.attempt, row.not_before, row.published_at) == (0, None, None)
    assert claim(job_id)


def test_a_job_given_back_after_its_process_died_has_used_an_attempt(ledger, claim, job_id):
    ledger.change(job_id, attempts=2)
    assert ledger.do(steps.give_back, job_id, claim(job_id).token, OOPS, counted=True) == "accepted"
    assert ledger.row(job_id).attempt == 1
    assert ledger.do(steps.give_back, job_id, claim(job_id).token, OOPS, counted=True) == "dead"


def test_a_job_to_be_cancelled_is_cancelled_instead_of_put_back(ledger, claim):
    for put_back in (
        lambda connection, *run: steps.retry(connection, *run, OOPS, after=5),
        lambda connection, *run: steps.give_back(connection, *run, OOPS, counted=False),
    ):
        job_id = ledger.accept().job_id
        token = claim(job_id).token
        assert ledger.do(cancel, job_id, tenant="default").state == "running"
        assert ledger.do(put_back, job_id, token) == "cancelled"
        assert ledger.row(job_id).finished_at


def test_progress_is_stored_and_tells_whether_the_job_is_to_be_cancelled(ledger, claim, job_id):
    token = claim(job_id).token
    half = {"done": 1, "total": 2, "unit": "files"}
    assert ledger.do(steps.progress, job_id, token, half) is False
    assert ledger.row(job_id).progress == half
    ledger.do(cancel, job_id, tenant="default")
    assert ledger.do(steps.progress, job_id, token, half) is True
