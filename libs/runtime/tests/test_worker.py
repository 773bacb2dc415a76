"""What happens around every task, by the row that it leaves and by what the sender is told."""

from datetime import timedelta
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import select
from sqlalchemy.exc import DataError

from penstock_contracts.ops_trace import PRUNE, Prune, Pruned
from penstock_contracts.queues import MAIL, Priority
from penstock_contracts.task import Contract, Message, Task
from penstock_runtime.delivery import Delivery
from penstock_runtime.errors import PenstockError, Rejected, Retryable
from penstock_runtime.ledger import cancel
from penstock_runtime.ledger import run as steps
from penstock_runtime.schema import NOW
from penstock_runtime.worker import Skipped, Worker, backoff, serve


class Words(Contract):
    text: str


WORDS = Task("mail.words", MAIL, Words, Words)
HELLO = Words(text="hello")


def echo(payload, job):
    return payload


def never(payload, job):
    pytest.fail("it ran")


def raising(error):
    def handler(payload, job):
        raise error

    return handler


@pytest.fixture
def worker(quick):
    made = Worker(quick(retry_first=2), "a worker")
    yield made
    made.database.dispose()


@pytest.fixture
def deliver(ledger, worker):
    """Run one delivery; returns the row that it leaves, and what the worker returned or raised."""

    def once(task, handler, job_id, payload, **delivery):
        try:
            told = worker.run(serve(task, handler), Delivery(job_id, uuid4(), payload, **delivery))
        except (PenstockError, Skipped, ValueError, DataError) as error:
            told = error
        return ledger.row(job_id), told

    return once


@pytest.fixture
def run(ledger, deliver):
    """Run a job of the ledger's: `run(handler)`, or `run(handler, job_id)`."""
    return lambda handler, job_id=None: deliver(
        WORDS, handler, job_id or ledger.accept(WORDS.message(HELLO)).job_id, {}, known=True
    )


@pytest.fixture
def adopt(deliver):
    """Run what a Celery client sent: `adopt(handler, payload)`."""
    return lambda handler, payload, task=WORDS, **named: deliver(
        task, handler, str(uuid4()), payload, known=False, **named
    )


def test_a_result_is_stored_and_returned(run):
    row, told = run(echo)
    assert told == row.result == {"text": "hello"}
    assert (row.state, row.attempt, row.worker, row.error) == ("succeeded", 1, "a worker", None)


def test_a_handler_knows_whose_job_it_does_and_for_the_how_manieth_time(ledger, run):
    seen = []
    job = ledger.accept(WORDS.message(HELLO), tenant="t", request_id="r")
    run(
        lambda payload, job: seen.append((job.id, job.tenant, job.attempt, job.request_id)) or payload,
        job_id=job.job_id,
    )
    assert seen == [(job.job_id, "t", 1, "r")]


def test_an_invalid_payload_fails_without_its_value_being_repeated(ledger, run):
    job = ledger.accept(Message(WORDS.name, "mail", {"text": {"password": "hunter2"}}))
    row, told = run(never, job.job_id)
    assert (row.state, row.error["code"]) == ("failed", "invalid_payload")
    assert row.error["message"].startswith("text: ")
    assert "hunter2" not in str(row.error) + str(told)


def test_what_a_task_rejects_has_failed_with_its_reason(run):
    row, told = run(raising(Rejected("no such file", code="file_missing")))
    assert (row.state, row.error) == ("failed", {"code": "file_missing", "message": "no such file"})
    assert (type(told), told.code) == (Rejected, "file_missing")


def test_what_may_work_later_waits_at_least_as_long_as_the_world_said(run):
    row, told = run(raising(Retryable("busy", code="smtp_busy", after=3600)))
    assert isinstance(told, Skipped)
    assert (row.state, row.error) == ("accepted", {"code": "smtp_busy", "message": "busy"})
    assert timedelta(minutes=59) < row.not_before - row.started_at < timedelta(minutes=61)


def test_what_did_not_work_on_the_last_attempt_is_dead_with_its_reason(ledger, run):
    job_id = ledger.accept(WORDS.message(HELLO)).job_id
    ledger.change(job_id, attempts=1)
    row, told = run(raising(Retryable("busy", code="smtp_busy")), job_id)
    assert (row.state, row.error["code"]) == ("dead", "smtp_busy")
    assert isinstance(told, Retryable)


@pytest.mark.parametrize(("attempt", "longest"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 600), (1000, 600)])
def test_the_wait_doubles_up_to_its_bound_and_is_spread(settings, attempt, longest):
    waits = [backoff(attempt, settings) for _ in range(100)]
    assert all(longest / 2 <= wait <= longest for wait in waits)
    assert len(set(waits)) > 90


def test_a_fault_is_a_dead_job_whose_error_tells_nothing_of_the_value(run):
    with structlog.testing.capture_logs() as logged:
        row, told = run(raising(ValueError("password hunter2")))
    assert row.state == "dead"
    assert row.error == {"code": "internal_error", "message": "ValueError: a fault in the task, see its log"}
    assert isinstance(told, ValueError)
    assert [line["exc_info"] for line in logged if line["event"] == "fault"] == [told]


def test_a_job_that_is_to_be_cancelled_hears_of_it_when_it_tells_its_progress(ledger, run):
    def handler(payload, job):
        ledger.do(cancel, job.id, tenant="default")
        job.progress(1, 2)
        pytest.fail("it went on")

    row, told = run(handler)
    assert (row.state, row.error["code"], row.progress["done"]) == ("cancelled", "cancelled", 1)
    assert isinstance(told, Skipped)
    assert told.cancelled


def test_a_job_that_ends_before_it_hears_that_it_is_to_be_cancelled_has_succeeded(ledger, run):
    row, _ = run(lambda payload, job: ledger.do(cancel, job.id, tenant="default") and payload)
    assert (row.state, row.cancel_requested) == ("succeeded", True)


@pytest.mark.parametrize("has_effects", [False, True])
def test_progress_is_written_once_however_often_it_is_told_in_a_moment_and_again_at_the_end(ledger, run, has_effects):
    meanwhile = []

    def handler(payload, job):
        if has_effects:
            job.connection.execute(select(1))
        for done in range(100):
            job.progress(done + 1, 100, "rows")
        meanwhile.append(ledger.row(job.id).progress)
        return payload

    row, _ = run(handler)
    assert meanwhile == [{"done": 1, "total": 100, "unit": "rows"}]
    assert row.progress == {"done": 100, "total": 100, "unit": "rows"}


def take_over(ledger, job_id):
    ledger.change(job_id, lease_until=NOW - timedelta(seconds=1))
    return ledger.do(steps.claim, job_id, uuid4(), lease=20, worker="another")


@pytest.mark.parametrize(
    "ends", [lambda: HELLO, lambda: raising(Rejected("no"))(0, 0), lambda: raising(Retryable("later"))(0, 0)]
)
def test_a_run_whose_job_was_taken_over_changes_nothing_however_it_ends(ledger, run, ends):
    def handler(payload, job):
        take_over(ledger, job.id)
        return ends()

    row, told = run(handler)
    assert isinstance(told, Skipped)
    assert (row.state, row.worker, row.result, row.error) == ("running", "another", None, None)


def test_a_run_whose_job_was_taken_over_ends_when_it_tells_its_progress(ledger, run):
    def handler(payload, job):
        take_over(ledger, job.id)
        job.progress(1)
        pytest.fail("it went on")

    row, told = run(handler)
    assert isinstance(told, Skipped)
    assert row.worker == "another"


def test_a_message_that_meets_a_job_that_succeeded_brings_its_result_again(ledger, run):
    row, told = run(echo)
    assert run(never, row.id) == (row, told)


def test_a_message_that_meets_a_job_that_failed_brings_its_error_again(run):
    row, _ = run(raising(Rejected("no such file", code="file_missing")))
    again, told = run(never, row.id)
    assert again == row
    assert (type(told), told.code, told.message) == (PenstockError, "file_missing", "no such file")


def test_a_message_that_meets_a_cancelled_job_says_so(ledger, run):
    job_id = ledger.accept(WORDS.message(HELLO)).job_id
    ledger.do(cancel, job_id, tenant="default")
    _, told = run(never, job_id)
    assert isinstance(told, Skipped)
    assert told.cancelled


def test_a_message_that_meets_a_running_job_is_skipped(ledger, run):
    job_id = ledger.accept(WORDS.message(HELLO)).job_id
    ledger.do(steps.claim, job_id, uuid4(), lease=20, worker="another")
    row, told = run(never, job_id)
    assert isinstance(told, Skipped)
    assert not told.cancelled
    assert row.worker == "another"


def test_a_message_that_comes_before_its_job_is_due_is_skipped(ledger, run):
    job_id = ledger.accept(WORDS.message(HELLO)).job_id
    ledger.change(job_id, not_before=NOW + timedelta(hours=1))
    row, told = run(never, job_id)
    assert isinstance(told, Skipped)
    assert (row.state, row.attempt) == ("accepted", 0)


def test_a_celery_clients_message_becomes_a_job_of_the_default_tenant(adopt):
    row, told = adopt(echo, {"text": "hello"}, priority=Priority.BULK, embed={"callbacks": []})
    assert told == {"text": "hello"}
    assert (row.state, row.tenant, row.origin, row.priority) == ("succeeded", "default", "adopted", 5)
    assert (row.payload, row.embed, row.attempt) == ({"text": "hello"}, {"callbacks": []}, 1)


def test_two_copies_of_a_celery_clients_message_at_once_are_one_job_that_runs_once(ledger, worker, at_once):
    for _ in range(10):
        job_id, ran = str(uuid4()), []
        item = serve(WORDS, lambda payload, job, ran=ran: ran.append(job) or payload)

        def copy(_, job_id=job_id, item=item):
            try:
                return worker.run(item, Delivery(job_id, uuid4(), {"text": "hello"}, known=False))
            except Skipped:
                return "skipped"

        # The other copy is skipped while the job runs, and brings its result again after that.
        assert {"text": "hello"} in at_once(2, copy)
        assert len(ran) == 1
        assert ledger.row(job_id).attempt == 1


def test_a_message_of_the_ledgers_without_a_row_is_buried_and_never_runs(ledger, run):
    row, told = run(never, str(uuid4()))
    assert isinstance(told, Skipped)
    assert (row.state, row.error["code"], row.attempt) == ("dead", "row_missing", 0)


@pytest.mark.parametrize("unstorable", ["a\x00b", "\ud800", float("nan")])
def test_a_celery_clients_payload_that_cannot_be_stored_is_invalid_even_where_nothing_is_required(adopt, unstorable):
    row, told = adopt(never, {"days": unstorable}, task=PRUNE)
    assert (row.state, row.error["code"]) == ("failed", "invalid_payload")
    assert isinstance(told, Rejected)


def test_a_part_of_a_chord_is_refused(adopt):
    row, _ = adopt(never, {"text": "hello"}, embed={"chord": {"task": "mail.then"}})
    assert (row.state, row.error["code"]) == ("failed", "chord_unsupported")


@pytest.mark.parametrize("error", [Rejected("a\x00b", code="bad_byte"), Retryable("half \ud800", code="bad_byte")])
def test_a_reason_that_postgresql_cannot_store_is_stored_without_what_it_cannot(run, error):
    row, _ = run(raising(error))
    assert row.error["code"] == "bad_byte"
    assert row.state == ("failed" if isinstance(error, Rejected) else "accepted")


def test_a_result_that_postgresql_cannot_store_is_a_fault_of_the_task(run):
    row, _ = run(lambda payload, job: Words(text="a\x00b"))
    assert (row.state, row.error["code"]) == ("dead", "internal_error")


def test_the_result_is_of_the_model_that_the_task_declares(worker, ledger):
    job_id = ledger.accept(PRUNE.message(Prune())).job_id
    told = worker.run(serve(PRUNE, lambda payload, job: Pruned(deleted=3)), Delivery(job_id, uuid4(), {}, known=True))
    assert told == {"deleted": 3}
