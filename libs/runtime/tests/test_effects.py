"""What a handler writes through `job.connection` happens with the job's end, once, or not at all. What cannot be taken
back begins with `job.hold`."""

from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from penstock_contracts.ops_trace import PRUNE, Prune, Pruned
from penstock_runtime.delivery import Delivery
from penstock_runtime.errors import PenstockError, Rejected, Retryable
from penstock_runtime.ledger import cancel
from penstock_runtime.ledger import run as steps
from penstock_runtime.schema import NOW, accounts
from penstock_runtime.worker import Skipped, Worker, serve


@pytest.fixture
def worker(quick):
    made = Worker(quick(database_connections=2), "a worker")
    yield made
    made.database.dispose()


@pytest.fixture
def run(ledger, worker):
    """`run(handler, job_id)` runs a job once, and returns its row."""

    def run_once(handler, job_id=None):
        job_id = job_id or ledger.accept(PRUNE.message(Prune())).job_id
        with suppress(PenstockError, Skipped, IntegrityError):  # the row says how it ended
            worker.run(serve(PRUNE, handler), Delivery(job_id, uuid4(), {}, known=True))
        return ledger.row(job_id)

    return run_once


@pytest.fixture
def effects(ledger):
    """How many effects were committed."""
    return lambda: ledger.do(lambda connection: connection.execute(select(func.count()).select_from(accounts)).scalar())


def have_an_effect(job):
    job.connection.execute(insert(accounts).values(email=f"{uuid4()}@example.com"))


def kill_session(ledger, job):
    """What a restart of the server does to a connection that is not in use at that moment."""
    pid = job.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    ledger.do(lambda connection: connection.exec_driver_sql("SELECT pg_terminate_backend(%(pid)s, 5000)", {"pid": pid}))


def test_effects_are_committed_with_the_finish(run, effects):
    def handler(payload, job):
        have_an_effect(job)
        assert effects() == 0
        return Pruned(deleted=1)

    assert run(handler).state == "succeeded"
    assert effects() == 1


@pytest.mark.parametrize("error", [Rejected("no"), Retryable("later"), ArithmeticError("oops")], ids=repr)
def test_effects_of_a_run_that_failed_are_rolled_back(run, effects, error):
    def handler(payload, job):
        have_an_effect(job)
        raise error

    if isinstance(error, ArithmeticError):
        with pytest.raises(ArithmeticError):
            run(handler)
    else:
        run(handler)
    assert effects() == 0


def test_effects_of_a_run_whose_job_was_taken_over_are_rolled_back(ledger, run, effects):
    def handler(payload, job):
        have_an_effect(job)
        ledger.change(job.id, lease_until=NOW - timedelta(seconds=1))
        assert ledger.do(steps.claim, job.id, uuid4(), lease=20, worker="another")
        return Pruned(deleted=1)

    assert run(handler).worker == "another"
    assert effects() == 0


def test_effects_are_rolled_back_where_the_finish_cannot_be_written(run, effects):
    def handler(payload, job):
        job.connection.execute(insert(accounts).values(email="twice@example.com"))
        job.connection.execute(insert(accounts).values(email="twice@example.com"))

    assert run(handler).state == "dead"
    assert effects() == 0


def test_a_handler_whose_connection_died_runs_again_and_has_its_effect_once(ledger, run, effects):
    runs = []

    def handler(payload, job):
        runs.append(job.attempt)
        have_an_effect(job)
        if job.attempt == 1:
            kill_session(ledger, job)
        return Pruned(deleted=1)

    row = run(handler)
    assert (row.state, row.error["code"]) == ("accepted", "database_unavailable")
    assert run(handler, row.id).state == "succeeded"
    assert (runs, effects()) == ([1, 2], 1)


@pytest.mark.parametrize(
    ("error", "state"), [(Rejected("no", code="why"), "failed"), (Retryable("later", code="why"), "accepted")]
)
def test_a_handlers_verdict_counts_also_where_its_connection_died_before(ledger, run, effects, error, state):
    def handler(payload, job):
        have_an_effect(job)
        kill_session(ledger, job)
        raise error

    row = run(handler)
    assert (row.state, row.error["code"]) == (state, "why")
    assert effects() == 0


def test_the_next_job_is_not_disturbed_by_the_connection_of_the_last(ledger, run, effects):
    def dies(payload, job):
        have_an_effect(job)
        kill_session(ledger, job)
        raise Rejected("no")

    def works(payload, job):
        have_an_effect(job)
        return Pruned(deleted=1)

    for _ in range(3):
        run(dies)
        assert run(works).state == "succeeded"
    assert effects() == 3


@pytest.mark.parametrize("state", ["running", "accepted", "queued"])
def test_a_run_whose_lease_ran_out_and_which_nobody_took_holds_its_job_again(ledger, run, state):
    def handler(payload, job):
        ledger.change(job.id, state=state, lease_until=NOW - timedelta(seconds=1))
        job.hold()
        assert ledger.row(job.id).state == "running"
        assert ledger.do(steps.claim, job.id, uuid4(), lease=20, worker="another") is None
        return Pruned(deleted=1)

    assert run(handler).state == "succeeded"


def test_a_run_whose_job_was_taken_over_does_not_hold_it(ledger, run):
    def handler(payload, job):
        ledger.change(job.id, lease_until=NOW - timedelta(seconds=1))
        assert ledger.do(steps.claim, job.id, uuid4(), lease=20, worker="another")
        job.hold()
        pytest.fail("it went on")

    assert run(handler).worker == "another"


def test_a_run_that_is_to_be_cancelled_does_not_hold_its_job(ledger, run):
    def handler(payload, job):
        ledger.do(cancel, job.id, tenant="default")
        job.hold()
        pytest.fail("it went on")

    assert run(handler).state == "cancelled"
