"""Submit: who sends a job waits for PostgreSQL and for nothing else."""

from time import monotonic

import pytest
from sqlalchemy import func, insert, select

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger import KeyReused, NewJob, Unstorable
from penstock_runtime.schema import accounts
from penstock_runtime.submit import Submitter

MESSAGE = PRUNE.message(Prune())


@pytest.fixture
def submitter(quick):
    made = []

    def make(**named):
        made.append(Submitter(quick(**named)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def fill_in(email):
    return lambda connection: connection.execute(insert(accounts).values(email=email))


def filled_in(ledger):
    return ledger.do(lambda connection: connection.execute(select(func.count()).select_from(accounts)).scalar_one())


def test_a_job_is_accepted_and_then_published_once(ledger, submitter, listed, eventually):
    job = submitter().submit(MESSAGE, tenant="t", request_id="r")
    eventually(lambda: ledger.row(job.job_id).state == "queued")
    assert listed() == [job.job_id]
    assert ledger.row(job.job_id).request_id == "r"


def test_many_who_submit_at_once_each_get_their_own_job(ledger, submitter, listed, at_once, eventually):
    one = submitter()
    ids = [
        job.job_id for job in at_once(40, lambda number: one.submit(PRUNE.message(Prune(days=1 + number)), tenant="t"))
    ]
    assert [ledger.row(job_id).payload["days"] for job_id in ids] == list(range(1, 41))
    eventually(lambda: ledger.count(state="queued") == 40)
    assert sorted(listed()) == sorted(ids)


def test_a_repeat_gets_the_first_job_and_no_second_message(ledger, submitter, listed, eventually):
    one = submitter()
    first = one.submit(MESSAGE, tenant="t", idempotency_key="k")
    eventually(lambda: ledger.row(first.job_id).state == "queued")
    again = one.submit(MESSAGE, tenant="t", idempotency_key="k")
    assert (again.job_id, again.created, again.publication) == (first.job_id, False, None)
    one.close()
    assert listed() == [first.job_id]


def test_of_those_who_submit_at_once_only_the_wrong_ones_are_refused(submitter, at_once):
    one = submitter()
    one.submit(MESSAGE, tenant="t", idempotency_key="k")

    def submit(number):
        try:
            key = "k" if number % 4 == 0 else None
            return one.submit(PRUNE.message(Prune(days=1 + number)), tenant="t", idempotency_key=key).created
        except KeyReused:
            return "refused"

    assert at_once(20, submit) == [True if number % 4 else "refused" for number in range(20)]


def test_what_cannot_be_stored_is_refused(ledger, submitter):
    with pytest.raises(Unstorable):
        submitter().submit(MESSAGE.__class__("mail.x", "mail", {"text": "\x00"}), tenant="t")
    assert ledger.count() == 0


def test_what_is_written_before_is_committed_with_the_job_or_not_at_all(ledger, submitter):
    one = submitter()
    one.submit(MESSAGE, tenant="t", idempotency_key="k", before=fill_in("a@example.com"))
    assert (filled_in(ledger), ledger.count()) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        one.submit(MESSAGE, tenant="t", before=lambda connection: 1 / 0)
    assert ledger.count() == 1


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_nobody_waits_for_a_redis_that_does_not_answer(
    ledger, submitter, relay, silent_port, listed, in_background, trouble
):
    port = silent_port if trouble == "hangs" else 1
    one = submitter(broker_url=f"redis://127.0.0.1:{port}/0", redis_timeout=0.5)
    jobs = [in_background(one.submit, MESSAGE, tenant="t").result(timeout=4) for _ in range(20)]
    one.close()
    assert ledger.count(state="accepted") == 20
    ledger.change(published_at=None)
    relay().one_pass()
    assert sorted(listed()) == sorted(job.job_id for job in jobs)


def test_messages_go_out_again_when_redis_is_back(ledger, submitter, own_redis, eventually):
    one = submitter(broker_url=own_redis.server.url, redis_timeout=0.2)
    own_redis.kill()
    one.submit(MESSAGE, tenant="t")
    own_redis.start()
    eventually(lambda: ledger.row(one.submit(MESSAGE, tenant="t").job_id) and ledger.count(state="queued"))


def test_a_message_whose_publishers_time_is_over_is_left_to_the_relay(ledger, submitter, listed):
    one = submitter()
    job = ledger.accept()
    one._outbox.put([job.publication], stamped_after=monotonic() - 60)
    one.close()
    assert listed() == []
    assert ledger.row(job.job_id).state == "accepted"


def test_what_waits_is_published_before_the_process_ends(ledger, submitter, listed):
    one = submitter()
    jobs = [one.submit(MESSAGE, tenant="t").job_id for _ in range(10)]
    one.close()
    assert listed() == jobs
    assert ledger.count(state="queued") == 10


def test_publishing_goes_on_after_a_fault(ledger, submitter, listed, eventually):
    one = submitter()
    with ledger.failing("UPDATE", "internal_error"):
        first = one.submit(MESSAGE, tenant="t")
        eventually(lambda: listed() == [first.job_id])
    eventually(lambda: ledger.row(one.submit(MESSAGE, tenant="t").job_id) and ledger.count(state="queued"))


def test_without_postgresql_the_outcome_is_unknown_and_the_request_can_be_repeated(submitter):
    one = submitter(database_url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="repeat the request with the same Idempotency-Key"):
        one.submit(MESSAGE, tenant="t")
    with pytest.raises(Unavailable):
        one.submit_all([NewJob(MESSAGE, "t")])
