"""Publish: a row says which message of it is on its way, and one publisher at a time is busy with it."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from penstock_contracts.queues import Priority
from penstock_runtime.ledger.publish import mark_queued, take_due
from penstock_runtime.schema import NOW, relay

LONG_AGO = NOW - timedelta(hours=1)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def take(ledger):
    return lambda most=100: ledger.do(take_due, most=most, publish_timeout=10)


def ids(publications):
    return [item.job_id for item in publications]


def test_a_published_job_is_queued(ledger):
    job = ledger.accept()
    ledger.do(mark_queued, [job.publication])
    assert ledger.row(job.job_id).state == "queued"


def test_an_old_stamp_changes_nothing(ledger, take):
    job = ledger.accept()
    ledger.change(job.job_id, published_at=LONG_AGO)
    [newer] = take()
    ledger.do(mark_queued, [job.publication])
    assert ledger.row(job.job_id).state == "accepted"
    ledger.do(mark_queued, [newer])
    assert ledger.row(job.job_id).state == "queued"


@pytest.mark.parametrize("state", ["running", "succeeded", "failed", "cancelled", "dead"])
def test_a_job_that_has_moved_on_is_not_marked_queued(ledger, state):
    job = ledger.accept()
    ledger.change(job.job_id, state=state)
    ledger.do(mark_queued, [job.publication])
    assert ledger.row(job.job_id).state == state


def test_nothing_published_marks_nothing(ledger):
    ledger.do(mark_queued, [])


def test_a_job_that_its_publisher_may_still_be_busy_with_is_left_to_it(ledger, take):
    job = ledger.accept()
    assert take() == []
    ledger.change(job.job_id, published_at=NOW - timedelta(seconds=9))
    assert take() == []
    ledger.change(job.job_id, published_at=NOW - timedelta(seconds=11))
    assert ids(take()) == [job.job_id]


def test_a_job_that_nobody_publishes_is_taken_at_once_when_it_is_due(ledger, take):
    due, later = ledger.accept().job_id, ledger.accept().job_id
    ledger.change(published_at=None)
    ledger.change(later, not_before=LATER)
    assert ids(take()) == [due]
    ledger.change(later, not_before=LONG_AGO)
    assert ids(take()) == [later]


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "failed", "cancelled", "dead"])
def test_only_accepted_jobs_are_taken(ledger, take, state):
    job = ledger.accept()
    ledger.change(job.job_id, published_at=None, state=state)
    assert take() == []


def test_what_is_taken_is_stamped_for_others_and_in_the_message(ledger, take):
    job = ledger.accept()
    ledger.do(lambda connection: connection.execute(update(relay).values(confirmed=5)))
    ledger.change(job.job_id, published_at=LONG_AGO, priority=Priority.BULK, embed={"chain": []})
    [item] = take()
    row = ledger.row(job.job_id)
    assert (item.stamp, row.published_epoch) == (row.published_at, 5)
    assert (item.task, item.queue, item.priority) == ("ops_trace.prune", "ops_trace", Priority.BULK)
    assert (item.payload, item.embed) == ({"days": 365}, {"chain": []})


def test_the_longest_due_are_taken_first_and_published_in_the_order_of_acceptance(ledger, take):
    first, second, third = (ledger.accept().job_id for _ in range(3))
    ledger.change(published_at=None)
    ledger.change(third, not_before=LONG_AGO)
    assert ids(take(2)) == [first, third]
    assert ids(take(2)) == [second]


def test_of_two_who_take_at_once_each_job_goes_to_one(ledger, take, at_once):
    everything = ledger.accept_many(400)
    taken = at_once(2, lambda _: [job_id for _ in range(5) for job_id in ids(take(50))])
    assert sorted(taken[0] + taken[1]) == everything


def test_who_dies_between_stamp_and_push_leaves_the_job_to_the_next_after_the_time_out(ledger, take):
    job_id = ledger.accept().job_id
    ledger.change(job_id, published_at=None)
    assert ids(take()) == [job_id]
    assert take() == []
    ledger.change(job_id, published_at=NOW - timedelta(seconds=11))
    assert ids(take()) == [job_id]


def test_a_job_that_another_session_holds_is_not_waited_for(ledger, take, database):
    held, free = ledger.accept_many(2)
    with database.begin() as connection:
        connection.exec_driver_sql("SELECT 1 FROM jobs WHERE id = %(id)s FOR UPDATE", {"id": held})
        assert ids(take()) == [free]
