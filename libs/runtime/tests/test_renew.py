"""Leases: whoever renews keeps the job, until somebody else has taken it."""

import random
from datetime import timedelta
from uuid import uuid4

import pytest
import structlog

from penstock_contracts.queues import OPS_TRACE, Priority
from penstock_runtime.heartbeat import Heartbeat
from penstock_runtime.lease import LeaseKeeper
from penstock_runtime.ledger import cancel, lost
from penstock_runtime.ledger import run as steps
from penstock_runtime.ledger.publish import mark_queued, take_due
from penstock_runtime.schema import NOW

PAST = NOW - timedelta(seconds=1)
FUTURE = NOW + timedelta(hours=1)


@pytest.fixture
def running(ledger):
    """Make running jobs: `running()` is a job's id and the token it runs under."""

    def start():
        job_id, token = ledger.accept().job_id, uuid4()
        assert ledger.do(steps.claim, job_id, token, lease=20, worker="a worker")
        return job_id, token

    return start


@pytest.fixture
def keeper(quick):
    made = []

    def make(**named):
        made.append(LeaseKeeper(settings := quick(**named), Heartbeat(settings)))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def holds(ledger, job_id):
    """Whether the job's lease still runs."""
    row = ledger.row(job_id)
    now = ledger.do(lambda connection: connection.execute(NOW.select()).scalar_one())
    return row.state == "running" and row.lease_until > now


def test_a_lease_that_ran_out_but_was_not_taken_is_taken_up_again(ledger, running):
    job_id, token = running()
    ledger.change(job_id, lease_until=PAST)
    assert ledger.do(steps.renew, [(job_id, token)], lease=20) == {job_id: False}
    assert holds(ledger, job_id)
    assert ledger.do(steps.finish, job_id, token, {})


def test_the_finish_of_a_lease_that_ran_out_but_was_not_taken_is_valid(ledger, running):
    job_id, token = running()
    ledger.change(job_id, lease_until=PAST)
    assert ledger.do(steps.finish, job_id, token, {})


def test_a_job_that_the_relay_put_back_is_its_workers_until_another_takes_it(ledger, running):
    renewed, finished, taken = (running() for _ in range(3))
    ledger.change(lease_until=PAST)
    assert len(ledger.do(lost.expire_leases, most=10, until=FUTURE)) == 3
    assert ledger.do(steps.renew, [renewed], lease=20) == {renewed[0]: False}
    assert holds(ledger, renewed[0])
    assert ledger.do(steps.finish, *finished, {})
    assert ledger.do(steps.claim, taken[0], uuid4(), lease=20, worker="another")
    assert ledger.do(steps.renew, [taken], lease=20) == {}
    assert not ledger.do(steps.finish, *taken, {})


def test_a_job_that_is_published_again_and_then_renewed_is_not_marked_queued(ledger, running):
    job_id, token = running()
    ledger.change(job_id, lease_until=PAST)
    ledger.do(lost.expire_leases, most=10, until=FUTURE)
    due = ledger.do(take_due, most=10, publish_timeout=2)
    ledger.do(steps.renew, [(job_id, token)], lease=20)
    ledger.do(mark_queued, due)
    assert holds(ledger, job_id)
    assert ledger.do(steps.claim, job_id, uuid4(), lease=20, worker="who got the copy") is None


def test_a_renewal_tells_which_jobs_are_to_be_cancelled(ledger, running):
    wanted, unwanted = running(), running()
    ledger.do(cancel, unwanted[0], tenant="default")
    assert ledger.do(steps.renew, [wanted, unwanted], lease=20) == {wanted[0]: False, unwanted[0]: True}


def test_there_is_nothing_to_renew_where_nothing_is_held(ledger):
    assert ledger.do(steps.renew, [], lease=20) == {}


def test_ten_who_renew_overlapping_jobs_at_once_do_not_deadlock(ledger, running, at_once):
    held = [running() for _ in range(60)]

    def renew_some(number):
        order = random.Random(number)
        return [len(ledger.do(steps.renew, order.sample(held, 40), lease=20)) for _ in range(10)]

    assert at_once(10, renew_some) == [[40] * 10] * 10


@pytest.mark.parametrize(
    "of_the_relay",
    [
        lambda connection, ids: lost.bring_back(connection, ids, confirm_after=0),
        lambda connection, ids: lost.forget_found(connection, OPS_TRACE.name, Priority.NORMAL, []),
    ],
    ids=["bring_back", "forget_found"],
)
def test_a_renewal_and_the_relay_do_not_deadlock(ledger, database, in_background, eventually, of_the_relay):
    ids, token = ledger.accept_many(500), uuid4()
    ledger.change(state="queued", token=token, missing_since=PAST)
    ledger.change(ids.pop(), id="0")  # the first by its id is the last in the table
    ids.insert(0, "0")
    with database.begin() as connection:
        connection.exec_driver_sql("SELECT 1 FROM jobs WHERE id = %(id)s FOR UPDATE", {"id": ids[0]})
        renewal = in_background(ledger.do, steps.renew, [(job_id, token) for job_id in ids], lease=20)
        eventually(lambda: ledger.waiting() == 1)
        passed = in_background(ledger.do, of_the_relay, ids)
        eventually(lambda: ledger.waiting() == 2)
    assert len(renewal.result()) == 500
    passed.result()


def test_what_is_held_is_renewed_until_it_is_let_go(ledger, running, keeper, eventually):
    (kept, token), other = running(), running()
    leases = keeper()
    leases.hold(kept, token)
    leases.hold(*other)
    ledger.change(lease_until=PAST)
    eventually(lambda: holds(ledger, kept) and holds(ledger, other[0]))
    leases.let_go(*other)
    ledger.change(lease_until=PAST)
    eventually(lambda: holds(ledger, kept))
    ledger.change(lease_until=PAST)
    eventually(lambda: holds(ledger, kept))
    assert not holds(ledger, other[0])


def test_renewing_goes_on_after_a_time_in_which_the_database_took_no_writes(ledger, running, keeper, eventually):
    job_id, token = running()
    leases = keeper()
    leases.hold(job_id, token)
    ledger.change(job_id, lease_until=PAST)
    eventually(lambda: holds(ledger, job_id))
    with structlog.testing.capture_logs() as logged, ledger.read_only():
        eventually(lambda: any(line["log_level"] == "error" for line in logged))
    ledger.change(job_id, lease_until=PAST)
    eventually(lambda: holds(ledger, job_id))


def test_what_is_still_held_at_the_end_is_given_back_uncounted(ledger, running, keeper):
    job_id, token = running()
    leases = keeper(renew_every=0.3)
    leases.hold(job_id, token)
    leases.stop()
    row = ledger.row(job_id)
    assert (row.state, row.attempt, row.token) == ("accepted", 0, None)
    assert row.error["code"] == "shut_down"


def test_a_job_that_cannot_be_given_back_is_left_to_its_lease(keeper, silent_port):
    leases = keeper(database_url=f"postgresql://nobody@127.0.0.1:{silent_port}/none", database_timeout=2)
    assert leases.give_back("a job", uuid4(), {"code": "worker_lost"}, counted=True) is None
