"""Runs of one worker process that begin or end at once share a statement, and each is as if it were alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from processes import eventually
from sqlalchemy import event

from penstock_contracts.queues import OPS_TRACE
from penstock_runtime.database import engine_on
from penstock_runtime.delivery import Delivery
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger import run as steps
from penstock_runtime.runs import LARGEST_GROUP, Runs
from penstock_runtime.schema import NOW

RESULT = {"number": 1}
MANY = 40


@pytest.fixture
def runs(ledger):
    return Runs(ledger.engine.execution_options(isolation_level="AUTOCOMMIT"), lease=20, worker="a worker")


@pytest.fixture
def take(runs):
    """`take(job_id)` as a worker does it for a message of the ledger's, each time with a new token."""
    return lambda job_id, token=None: runs.take(
        "ops_trace.prune", OPS_TRACE.name, Delivery(job_id, token or uuid4(), {}, known=True)
    )


@pytest.fixture
def statements(ledger):
    """What the engine was asked, statement by statement."""
    asked = []
    event.listen(ledger.engine, "before_cursor_execute", lambda _, __, text, *___: asked.append(text))
    return asked


def finished(claim, **named):
    return steps.Finished(claim.job.id, claim.token, named.get("result", RESULT), named.get("progress"))


def test_many_that_begin_and_end_at_once_share_statements(ledger, runs, take, at_once, statements):
    ids = [ledger.accept().job_id for _ in range(MANY)]
    statements.clear()
    claims = at_once(MANY, lambda number: take(ids[number]))
    assert [claim.job.id for claim in claims] == ids
    assert len({claim.token for claim in claims}) == MANY
    assert all(at_once(MANY, lambda number: runs.finish(finished(claims[number], result={"number": number}))))
    assert len(statements) < MANY
    rows = [ledger.row(job_id) for job_id in ids]
    assert [row.result for row in rows] == [{"number": number} for number in range(MANY)]
    assert {(row.state, row.attempt, row.worker, row.lease_until) for row in rows} == {
        ("succeeded", 1, "a worker", None)
    }


def test_of_many_copies_of_one_message_one_begins(ledger, take, at_once):
    job_id = ledger.accept().job_id
    found = at_once(MANY, lambda _: take(job_id))
    [claim] = [one for one in found if isinstance(one, steps.Claim)]
    assert {one.state for one in found if one is not claim} == {"running"}
    assert ledger.row(job_id).token == claim.token


def test_a_group_takes_only_what_is_to_be_had(ledger):
    waits, later, late, cancelled, spent, ended = (ledger.accept().job_id for _ in range(6))
    ledger.change(later, not_before=NOW + timedelta(hours=1))
    ledger.change(late, deadline=NOW - timedelta(seconds=1))
    ledger.change(spent, attempt=1, attempts=1)
    ledger.change(cancelled, cancel_requested=True)
    ledger.change(ended, state="succeeded")
    abandoned, held = (ledger.accept().job_id for _ in range(2))
    ledger.change(abandoned, held, state="running", token=uuid4(), attempt=1)
    ledger.change(abandoned, lease_until=NOW - timedelta(seconds=1))
    ledger.change(held, lease_until=NOW + timedelta(hours=1))
    wanted = [waits, later, late, cancelled, spent, ended, abandoned, held, "no such job"]
    claims = ledger.do(steps.claim_all, [(job_id, uuid4()) for job_id in wanted], lease=20, worker="a worker")
    assert [claim and claim.job.id for claim in claims] == [waits] + [None] * 5 + [abandoned, None, None]
    row = ledger.row(abandoned)
    assert (row.attempt, row.losses) == (2, 1)


def test_a_claim_whose_answer_was_lost_is_one_attempt(ledger, take):
    job_id, token = ledger.accept().job_id, uuid4()
    assert take(job_id, token).job.attempt == take(job_id, token).job.attempt == 1


def test_one_job_that_somebody_has_locked_does_not_keep_the_others_waiting(ledger, runs, take, in_background):
    locked, free = (ledger.accept().job_id for _ in range(2))
    with ledger.engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM jobs WHERE id = %(id)s FOR UPDATE", {"id": locked})
        waiting = in_background(take, locked)
        eventually(lambda: ledger.waiting() == 1, "it waits for its lock, outside of the group")
        claim = take(free)
        assert runs.finish(finished(claim))
    claim = waiting.result(20)
    with ledger.engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM jobs WHERE id = %(id)s FOR UPDATE", {"id": locked})
        ending = in_background(runs.finish, finished(claim))
        eventually(lambda: ledger.waiting() == 1, "its end waits too")
        assert runs.finish(finished(take(ledger.accept().job_id)))
    assert ending.result(20)


def test_of_two_runs_of_a_job_that_end_in_one_group_the_one_that_has_it_counts(ledger, take):
    job_id = ledger.accept().job_id
    first = take(job_id)
    ledger.change(job_id, lease_until=NOW - timedelta(seconds=1))
    second = take(job_id)
    ends = [finished(first, result={"by": "the first"}), finished(second, result={"by": "the second"})]
    assert ledger.do(steps.finish_all, ends) == [False, True]
    assert ledger.row(job_id).result == {"by": "the second"}
    assert ledger.do(steps.finish_all, ends) == [False, True], "written twice it is one end"


def test_an_end_keeps_the_progress_that_was_stored_where_it_has_none(ledger, runs, take):
    told, silent = (take(ledger.accept().job_id) for _ in range(2))
    at = {"done": 1, "total": 2, "unit": "rows"}
    ledger.change(told.job.id, silent.job.id, progress=at)
    assert runs.finish(finished(told, progress=at | {"done": 2}))
    assert runs.finish(finished(silent))
    assert [ledger.row(each.job.id).progress["done"] for each in (told, silent)] == [2, 1]


def test_a_group_has_no_more_than_its_most(ledger, runs, take, statements):
    ids = ledger.accept_many(LARGEST_GROUP + 2)
    statements.clear()
    with ThreadPoolExecutor(len(ids)) as threads:
        with ledger.engine.begin() as other:
            other.exec_driver_sql("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            first = threads.submit(take, ids[0])
            eventually(lambda: ledger.waiting() == 1, "the first one is under way")
            others = [threads.submit(take, job_id) for job_id in ids[1:]]
            eventually(lambda: len(runs._claims._waiting) == len(others), "all others wait")
            statements.clear()
        assert [claim.result(20).job.id for claim in (first, *others)] == ids
    assert len(statements) == 2, "a whole group, and the one that it had no room for"


def test_without_postgresql_each_of_a_group_is_told_so(at_once):
    gone = engine_on("postgresql://nobody@127.0.0.1:1/nowhere", most=2, timeout=2, autocommit=True)
    runs = Runs(gone, lease=20, worker="a worker")

    def end(_):
        with pytest.raises(Unavailable, match="PostgreSQL did not answer"):
            runs.finish(steps.Finished("a job", uuid4(), RESULT, None))
        return "told"

    assert at_once(MANY, end) == ["told"] * MANY
