"""Dead jobs: a tenant's own, listed by when they died; each starts over or is discarded once."""

from datetime import timedelta
from uuid import uuid4

import pytest

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.ledger import run as steps
from penstock_runtime.ledger import start_over
from penstock_runtime.ledger.dead import discard_dead, list_dead, read_dead, replay_dead
from penstock_runtime.schema import NOW

OOPS = {"code": "oops", "message": "it did not work"}


@pytest.fixture
def die(ledger):
    """A job that has died: `die(tenant="another")` is its id."""

    def make(**named):
        job_id, token = ledger.accept(PRUNE.message(Prune(days=3)), **named).job_id, uuid4()
        ledger.do(steps.claim, job_id, token, lease=20, worker="a worker")
        ledger.do(steps.fail, job_id, token, OOPS, state="dead")
        return job_id

    return make


@pytest.fixture
def listed(ledger):
    def read(limit=100, **named):
        return [job.id for job in ledger.do(list_dead, limit=limit, **{"tenant": "default"} | named)]

    return read


def test_a_dead_job_says_why_it_died_and_how_large_its_payload_is_but_not_what_is_in_it(ledger, die):
    job_id = die()
    ledger.change(job_id, losses=2)
    job = ledger.do(read_dead, job_id, tenant="default")
    assert (job.queue, job.task, job.error, job.attempt, job.losses) == ("ops_trace", "ops_trace.prune", OOPS, 1, 2)
    assert job.payload_bytes == len('{"days": 3}')
    assert job.died_at == ledger.row(job_id).finished_at
    assert not hasattr(job, "payload")


def test_dead_jobs_are_listed_by_when_they_died_page_by_page(ledger, die, listed):
    ids = [die() for _ in range(5)]
    for age, job_id in enumerate(ids):
        ledger.change(job_id, finished_at=NOW - timedelta(hours=age))
    assert listed(limit=2) == ids[:2]
    last = ledger.do(read_dead, ids[1], tenant="default")
    assert listed(behind=last.position) == ids[2:]


def test_of_one_moment_none_is_listed_twice_or_left_out(ledger, die, listed):
    ids = sorted((die() for _ in range(4)), reverse=True)
    ledger.change(finished_at=ledger.row(ids[0]).finished_at)
    assert listed(limit=2) == ids[:2]
    assert listed(behind=(ledger.row(ids[0]).finished_at, ids[1])) == ids[2:]


def test_dead_jobs_are_listed_by_queue_and_of_ones_own_tenant_only(ledger, die, listed):
    job_id, theirs = die(), die(tenant="another")
    ledger.accept()
    assert (listed(), listed(tenant="another")) == ([job_id], [theirs])
    assert (listed(queue="ops_trace"), listed(queue="mail")) == ([job_id], [])
    assert ledger.do(read_dead, theirs, tenant="default") is None


def test_a_dead_job_starts_over_once(ledger, die):
    job_id = die()
    assert ledger.do(replay_dead, job_id, tenant="default").id == job_id
    row = ledger.row(job_id)
    assert (row.state, row.attempt, row.error) == ("accepted", 0, None)
    assert ledger.do(replay_dead, job_id, tenant="default") is None


def test_a_discarded_job_is_cancelled_keeps_its_reason_and_can_still_start_over(ledger, die, listed):
    job_id = die()
    died_at = ledger.row(job_id).finished_at
    assert ledger.do(discard_dead, job_id, tenant="default").error == OOPS
    row = ledger.row(job_id)
    assert (row.state, row.error) == ("cancelled", {"code": "discarded", "message": "it did not work"})
    assert row.finished_at == died_at
    assert listed() == []
    assert ledger.do(start_over, job_id, tenant="default").state == "accepted"


def test_who_discards_a_job_tells_its_webhook_nothing_new(ledger, die):
    job_id = die(webhook="https://example.com/")
    assert ledger.count(task="ops_trace.webhook") == 1
    ledger.do(discard_dead, job_id, tenant="default")
    assert ledger.count(task="ops_trace.webhook") == 1


@pytest.mark.parametrize("do", [replay_dead, discard_dead])
@pytest.mark.parametrize("state", ["accepted", "queued", "running", "succeeded", "failed", "cancelled"])
def test_what_is_not_dead_stays_as_it_is(ledger, do, state):
    job_id = ledger.accept().job_id
    ledger.change(job_id, state=state)
    before = ledger.row(job_id)
    assert ledger.do(do, job_id, tenant="default") is None
    assert ledger.row(job_id) == before


@pytest.mark.parametrize("do", [replay_dead, discard_dead])
def test_anothers_dead_job_stays_as_it_is(ledger, die, do):
    theirs = die(tenant="another")
    assert ledger.do(do, theirs, tenant="default") is None
    assert ledger.row(theirs).state == "dead"


def test_of_many_who_replay_and_discard_a_job_at_once_one_does(ledger, die, at_once):
    job_id = die()
    doing = (replay_dead, discard_dead)
    done = at_once(8, lambda number: ledger.do(doing[number % 2], job_id, tenant="default"))
    [first] = [number for number, job in enumerate(done) if job]
    assert ledger.row(job_id).state == ("accepted", "cancelled")[first % 2]
