"""Counted in the row: how often a worker died with a job, and how often it was published since it was last started."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from penstock_contracts.queues import OPS_TRACE
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


def end_unstarted(ledger, published=3, most=100):
    return ledger.do(lost.end_unstarted, published=published, most=most)


def test_a_job_that_was_published_as_often_as_it_may_be_and_never_started_is_dead(ledger, publish, bring_back, job_id):
    for _ in range(3):
        assert end_unstarted(ledger) == []
        publish()
        assert end_unstarted(ledger) == []
        bring_back()
    assert end_unstarted(ledger) == [job_id]
    row = ledger.row(job_id)
    assert (row.state, row.token) == ("dead", None)
    assert row.error == {
        "code": "never_started",
        "message": "it was published 3 times, and no worker has started it",
    }
    assert row.finished_at


def test_a_job_waits_for_a_redis_that_is_away_as_often_as_it_is_tried(ledger, publish, job_id):
    for _ in range(10):
        publish(confirmed=False)
    assert end_unstarted(ledger) == []


def test_a_wiped_redis_costs_each_job_one_publication_and_no_job_its_life(ledger, publish, bring_back):
    ledger.accept_many(50)
    for _ in range(4):
        publish()
        bring_back()
    assert end_unstarted(ledger, published=5) == []
    assert ledger.count(publications=4) == 50


def test_a_job_that_is_not_due_yet_is_not_given_up(ledger, job_id):
    ledger.change(job_id, publications=9, not_before=NOW + timedelta(hours=1))
    assert end_unstarted(ledger) == []
    ledger.change(job_id, not_before=PAST)
    assert end_unstarted(ledger) == [job_id]


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "failed", "cancelled", "dead"])
def test_only_what_would_be_published_again_is_given_up(ledger, job_id, state):
    ledger.change(job_id, publications=9, state=state)
    assert end_unstarted(ledger) == []


def test_of_many_that_nobody_starts_so_many_are_given_up_at_once(ledger):
    ids = ledger.accept_many(5)
    ledger.change(publications=3)
    assert end_unstarted(ledger, most=2) == ids[:2]
    assert end_unstarted(ledger) == ids[2:]


def test_the_relay_publishes_a_job_up_to_its_limit_and_then_gives_it_up(ledger, relay, broker, bring_back, job_id):
    one = relay(most_publications=3)
    for count in (1, 2, 3):
        bring_back()
        one.one_pass()
        assert (ledger.row(job_id).state, ledger.row(job_id).publications) == ("queued", count)
    bring_back()
    one.one_pass()
    assert (ledger.row(job_id).state, broker.llen("ops_trace")) == ("dead", 3)


def test_a_job_that_is_put_off_waits_with_its_reason_and_loses_nothing(ledger, publish, claim, job_id):
    publish()
    assert ledger.do(steps.put_off, job_id, OOPS, after=3600)
    row = ledger.row(job_id)
    assert (row.state, row.attempt, row.published_at, row.error) == ("accepted", 0, None, OOPS)
    assert timedelta(minutes=59) < row.not_before - row.created_at < timedelta(minutes=61)
    assert publish() == []
    assert claim(job_id) is None
    ledger.change(job_id, not_before=PAST)
    assert claim(job_id)


def test_a_job_is_put_off_twice_as_long_each_time_up_to_a_bound(ledger, job_id):
    pauses = []
    for _ in range(5):
        ledger.change(job_id, state="accepted", published_at=NOW)  # so quick a worker that it is not yet queued
        before = ledger.do(lambda connection: connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one())
        assert ledger.do(steps.put_off, job_id, OOPS, after=100, most=1000)
        pauses.append(round((ledger.row(job_id).not_before - before).total_seconds(), -2))
    assert pauses == [100, 200, 400, 800, 1000]
    assert ledger.row(job_id).publications == 5


def test_a_second_copy_of_a_message_counts_no_publication(ledger, publish, job_id):
    publish()
    for _ in range(2):
        ledger.do(steps.put_off, job_id, OOPS, after=10, most=100)
    assert ledger.row(job_id).publications == 1


@pytest.mark.parametrize("state", ["running", "succeeded", "failed", "cancelled", "dead"])
def test_a_job_that_does_not_wait_is_not_put_off(ledger, job_id, state):
    ledger.change(job_id, state=state)
    assert not ledger.do(steps.put_off, job_id, OOPS, after=10)
    assert (ledger.row(job_id).state, ledger.row(job_id).error) == (state, None)


def test_a_job_that_no_worker_knows_ends_with_what_the_last_one_said(ledger, publish, job_id):
    for _ in range(3):
        publish()
        ledger.do(steps.put_off, job_id, {"code": "unknown_task", "message": "no task of this name"}, after=0)
    assert end_unstarted(ledger) == [job_id]
    assert ledger.row(job_id).error["message"].endswith("has started it; the last reason: no task of this name")


def test_a_new_job_has_all_its_starts_left_and_runs_among_others(ledger):
    item = ledger.accept().publication
    assert (item.attempts_left, item.alone) == (OPS_TRACE.attempts, False)


@pytest.mark.parametrize(
    ("losses", "attempt", "left", "alone"),
    [(0, 0, 3, False), (2, 0, 3, False), (1, 1, 2, False), (0, 2, 1, False), (1, 2, 1, True), (2, 2, 1, True)],
)
def test_a_job_runs_alone_on_its_last_start_where_a_worker_died_with_it(
    ledger, publish, job_id, losses, attempt, left, alone
):
    ledger.change(job_id, attempts=3, attempt=attempt, losses=losses)
    [item] = publish()
    assert (item.attempts_left, item.alone) == (left, alone)


def test_a_job_of_one_start_has_no_start_before_it_with_which_a_worker_died(ledger, publish, claim, job_id):
    ledger.change(job_id, attempts=1)
    assert not publish()[0].alone
    ledger.do(steps.give_back, job_id, claim(job_id).token, OOPS, counted=False)
    assert not publish()[0].alone
