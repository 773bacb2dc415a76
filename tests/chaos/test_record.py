"""The examiner finds what is lost, stuck or doubled, and nothing where all is well."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import time
from typing import Any

import pytest
from chaos.conftest import Left
from chaos.faults import Hit
from chaos.plan import Act, Fault, Kind
from chaos.record import NEAR, sentences
from chaos.waits import STUCK
from chaos.work import Job
from sqlalchemy import ColumnElement, Table, delete, insert, literal_column, select

from penstock_contracts.queues import DATASET, GENERATION, MAIL, OPS_TRACE, QUEUES
from penstock_runtime.schema import dataset_rows, datasets, files, jobs, user_actions

Done = Sequence[Job]


def of(queue: object, done: Done) -> Job:
    return next(job for job in done if job.queue is queue)


def remove_one(left: Left, table: Table, **where: Any) -> None:
    """Delete one row of those that a job has left."""
    with left.engine.begin() as connection:
        row: ColumnElement[Any] = literal_column("ctid")  # where PostgreSQL keeps it
        one = select(row).select_from(table).filter_by(**where).limit(1).scalar_subquery()
        assert connection.execute(delete(table).where(row == one)).rowcount == 1


def test_nothing_is_found_where_every_job_has_its_effects_once(left: Left, done: Done) -> None:
    findings = left.examined()
    assert sentences(findings) == []
    assert {queue: len(seconds) for queue, seconds in findings.seconds.items()} == {queue.name: 1 for queue in QUEUES}
    assert findings.attempts == {1: 4}


@pytest.mark.parametrize(
    ("later", "stuck"), [(None, 1), (Kind.SUPERVISOR, 0), (Kind.OPS_TRACE, 0), (Kind.MAIL, 1), (Kind.API, 1)], ids=str
)
def test_a_job_that_was_hit_must_end_within_a_minute_of_the_last_fault_that_touched_it(
    later: Kind | None, stuck: int, left: Left, done: Done
) -> None:
    job = of(OPS_TRACE, done)
    now = time()
    began, ended = (datetime.fromtimestamp(moment, UTC) for moment in (now - STUCK - 30, now))
    left.change(job, created_at=began, started_at=began, finished_at=ended)
    left.hits = [Hit(Fault(Kind.OPS_TRACE, Act.KILL), "", frozenset({str(job.id)}), now - STUCK - 9, now - STUCK - 8)]
    if later is not None:
        left.hits.append(Hit(Fault(later, Act.KILL), "", frozenset({"another"}), now - STUCK + 8, now - STUCK + 9))
    assert len(left.examined().stuck) == stuck


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_an_accepted_job_without_a_row_is_lost(queue: object, left: Left, done: Done) -> None:
    job = of(queue, done)
    remove_one(left, jobs, id=job.id)
    assert [sentence for sentence in left.examined().lost if "there is no such row" in sentence] != []


def test_a_job_that_was_accepted_under_another_id_is_lost(left: Left, done: Done) -> None:
    of(OPS_TRACE, done).id = "another"
    [sentence] = left.examined().lost
    assert "accepted as another, but its row is" in sentence


@pytest.mark.parametrize(
    ("queue", "loses"),
    [
        (OPS_TRACE, lambda left, job: remove_one(left, user_actions, job_id=job.id)),
        (GENERATION, lambda left, job: remove_one(left, files, job_id=job.id)),
        (GENERATION, lambda left, job: (left.storage / job.id / "report.pdf").unlink()),
        (GENERATION, lambda left, job: (left.storage / job.id / "report.pdf").write_bytes(b"a rep")),
        (DATASET, lambda left, job: remove_one(left, dataset_rows, dataset_id=job.id)),
        (MAIL, lambda left, job: left.sink.deliveries.clear()),
    ],
    ids=["an action", "a file's row", "a file", "the end of a file", "a dataset's row", "a mail"],
)
def test_an_effect_that_is_missing_is_lost(
    queue: object, loses: Callable[[Left, Job], object], left: Left, done: Done
) -> None:
    loses(left, of(queue, done))
    findings = left.examined()
    assert len(findings.lost) == 1
    assert sentences(findings) == [f"lost: {findings.lost[0]}"]


@pytest.mark.parametrize("state", ["accepted", "queued", "running"])
def test_a_job_that_has_not_ended_is_stuck(state: str, left: Left) -> None:
    left.change(left.accepted(OPS_TRACE), state=state)
    findings = left.examined()
    assert len(findings.stuck) == 1
    assert sentences(findings) == [f"stuck: {findings.stuck[0]}"]


def test_a_job_of_whose_acceptance_nobody_was_told_is_stuck(left: Left, done: Done) -> None:
    of(DATASET, done).accepted_at = None
    [sentence] = left.examined().stuck
    assert "no client was ever told" in sentence


@pytest.mark.parametrize("state", ["failed", "dead", "cancelled"])
def test_a_job_that_ended_without_success_has_failed(state: str, left: Left) -> None:
    left.change(left.accepted(MAIL), state=state, error={"code": "why"})
    [sentence] = left.examined().failed
    assert state in sentence
    assert "why" in sentence


def test_an_action_that_is_kept_twice_is_doubled(left: Left, done: Done) -> None:
    names = [column.name for column in user_actions.c if column.name != "id"]
    again = select(*(user_actions.c[name] for name in names)).limit(1)
    with left.engine.begin() as connection:
        connection.execute(insert(user_actions).from_select(names, again))
    assert len(left.examined().doubled) == 1


def test_rows_of_no_dataset_are_doubled(left: Left, done: Done) -> None:
    remove_one(left, datasets)
    findings = left.examined()
    assert (len(findings.doubled), len(findings.lost)) == (1, 1)


def test_a_mail_that_was_accepted_twice_is_doubled(left: Left, done: Done) -> None:
    first = of(MAIL, done)
    second = left.succeeded(MAIL)
    left.change(second, payload={"email": first.email})
    left.sent.remove(second)
    [sentence] = left.examined().doubled
    assert "2 jobs" in sentence


def test_a_job_that_nobody_sent_is_doubled(left: Left, done: Done) -> None:
    left.sent.remove(of(OPS_TRACE, done))
    [sentence] = left.examined().doubled
    assert "nobody sent it" in sentence


def test_a_mail_of_no_job_is_doubled(left: Left, done: Done) -> None:
    left.deliver(Job(MAIL, 9, "run-9", 1, "nobody@example.com", id="no job"))
    assert len(left.examined().doubled) == 1


def hit(kind: Kind, act: Act, at: float, *job_ids: str | None) -> Hit:
    return Hit(Fault(kind, act), kind.value, frozenset(job_id or "" for job_id in job_ids), at, at + 0.1)


def test_a_mail_that_comes_twice_without_a_fault_is_doubled(left: Left, done: Done) -> None:
    left.deliver(of(MAIL, done))
    findings = left.examined()
    assert (len(findings.doubled), findings.again) == (1, [])


@pytest.mark.parametrize("act", [Act.KILL, Act.STOP, Act.TERM])
@pytest.mark.parametrize("seconds_after", [0.01, NEAR / 2])
def test_a_mail_that_comes_twice_because_its_worker_was_hit_before_the_commit_is_counted_apart(
    seconds_after: float, act: Act, left: Left
) -> None:
    job = left.succeeded(MAIL)
    [first] = left.sink.deliveries[f"<{job.id}@example.com>"]
    left.deliver(job)
    left.hits.append(hit(Kind.MAIL, act, first + seconds_after, job.id))
    findings = left.examined()
    assert (len(findings.again), findings.doubled) == (1, [])


@pytest.mark.parametrize(
    ("kind", "act", "seconds_after", "runs_there"),
    [
        (Kind.MAIL, Act.KILL, NEAR * 2, True),
        (Kind.MAIL, Act.KILL, -NEAR * 2, True),
        (Kind.MAIL, Act.KILL, 0.1, False),
        (Kind.OPS_TRACE, Act.KILL, 0.1, True),
        (Kind.POSTGRES, Act.KILL, 0.1, True),
        (Kind.REDIS, Act.WIPE, 0.1, True),
        (Kind.SCHEDULER, Act.KILL, 0.1, True),
    ],
    ids=["much later", "much earlier", "another worker", "another queue", "PostgreSQL", "Redis", "a scheduler"],
)
def test_a_fault_that_did_not_stop_its_worker_excuses_no_second_mail(
    kind: Kind, act: Act, seconds_after: float, runs_there: bool, left: Left
) -> None:
    job = left.succeeded(MAIL)
    [first] = left.sink.deliveries[f"<{job.id}@example.com>"]
    left.deliver(job)
    left.hits.append(hit(kind, act, first + seconds_after, job.id if runs_there else "another job"))
    findings = left.examined()
    assert (len(findings.doubled), findings.again) == (1, [])


def test_a_third_delivery_needs_a_second_fault(left: Left) -> None:
    job = left.succeeded(MAIL)
    [first] = left.sink.deliveries[f"<{job.id}@example.com>"]
    left.deliver(job)
    left.hits.append(hit(Kind.MAIL, Act.KILL, first - NEAR, job.id))
    left.deliver(job)
    left.sink.deliveries[f"<{job.id}@example.com>"][1] = first + NEAR * 3
    assert len(left.examined().doubled) == 1
