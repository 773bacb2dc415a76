"""What a tenant may see of its jobs, and take back."""

import pytest

from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_runtime.ledger import cancel, list_jobs, read_job

MAIL = REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email="anna@example.com"))


def ids(jobs):
    return [job.id for job in jobs]


def test_a_job_is_seen_by_its_own_tenant_only(ledger):
    job_id = ledger.accept(tenant="a").job_id
    assert ledger.do(read_job, job_id, tenant="a").id == job_id
    assert ledger.do(read_job, job_id, tenant="b") is None
    assert ledger.do(read_job, "never issued", tenant="a") is None


def test_a_view_shows_neither_payload_nor_token(ledger):
    job = ledger.do(read_job, ledger.accept(MAIL).job_id, tenant="default")
    assert "anna@example.com" not in repr(job)
    assert not {"payload", "token", "fingerprint", "embed"} & set(vars(job))


def test_jobs_are_listed_newest_first_page_by_page(ledger):
    accepted = [ledger.accept(tenant="a").job_id for _ in range(5)]
    ledger.accept(tenant="b")
    # Of the same moment, as jobs are that were accepted by one statement.
    ledger.change(*accepted[1:4], created_at=ledger.row(accepted[1]).created_at)
    seen, before = [], None
    while page := ledger.do(list_jobs, tenant="a", limit=2, before=before):
        seen += ids(page)
        before = (page[-1].created_at, page[-1].id)
    assert seen == accepted[::-1]


@pytest.mark.parametrize(
    ("having", "count"),
    [
        ({"queue": "mail"}, 2),
        ({"task": "ops_trace.prune"}, 1),
        ({"state": "failed"}, 1),
        ({"queue": "mail", "state": "failed"}, 1),
        ({"queue": "ops_trace", "state": "failed"}, 0),
    ],
)
def test_jobs_are_listed_by_queue_task_and_state(ledger, having, count):
    ledger.accept()
    ledger.accept(MAIL)
    ledger.change(ledger.accept(MAIL).job_id, state="failed")
    assert len(ledger.do(list_jobs, tenant="default", limit=10, **having)) == count


@pytest.mark.parametrize("state", ["accepted", "queued"])
def test_a_waiting_job_is_cancelled_at_once(ledger, state):
    job_id = ledger.accept().job_id
    ledger.change(job_id, state=state)
    assert ledger.do(cancel, job_id, tenant="default").state == "cancelled"
    row = ledger.row(job_id)
    assert row.error["code"] == "cancelled"
    assert row.finished_at


def test_a_running_job_is_only_asked_to_end(ledger):
    job_id = ledger.accept().job_id
    ledger.change(job_id, state="running")
    job = ledger.do(cancel, job_id, tenant="default")
    assert (job.state, job.cancel_requested, job.finished_at) == ("running", True, None)


@pytest.mark.parametrize("state", ["succeeded", "failed", "dead", "cancelled"])
def test_a_finished_job_stays_as_it_is(ledger, state):
    job_id = ledger.accept().job_id
    ledger.change(job_id, state=state)
    before = ledger.row(job_id)
    assert ledger.do(cancel, job_id, tenant="default").state == state
    assert ledger.row(job_id) == before


def test_anothers_job_cannot_be_cancelled(ledger):
    job_id = ledger.accept(tenant="a").job_id
    assert ledger.do(cancel, job_id, tenant="b") is None
    assert ledger.row(job_id).state == "accepted"
