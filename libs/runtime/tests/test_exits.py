"""Rows whose message ended before it was started, and what the consumer writes beside its loop."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from kombu.message import Message

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.aside import Aside
from penstock_runtime.broker import make_app
from penstock_runtime.errors import Unavailable
from penstock_runtime.exits import INVALID, Exits
from penstock_runtime.ledger import exits
from penstock_runtime.ledger import run as steps
from penstock_runtime.ledger.adopt import adopt_for_later
from penstock_runtime.ledger.publish import take_due
from penstock_runtime.schema import NOW

ERROR = {"code": "a_code", "message": "what happened"}
OTHERS = uuid4()


def fail(ledger, job_id):
    return ledger.do(exits.fail_unstarted, job_id, ERROR)


def cancel(ledger, job_id):
    return ledger.do(exits.cancel_unstarted, job_id, ERROR, token=uuid4())


def put_off(ledger, job_id):
    return ledger.do(exits.put_off, job_id, ERROR, first=2, most=600)


WAYS = [(fail, "failed"), (cancel, "cancelled"), (put_off, "accepted")]
way = pytest.mark.parametrize(("leave", "state"), WAYS)


@way
@pytest.mark.parametrize("waits", ["accepted", "queued"])
def test_a_row_that_waits_moves(ledger, leave, state, waits):
    job_id = ledger.accept().job_id
    ledger.change(job_id, state=waits)
    assert leave(ledger, job_id) == state
    row = ledger.row(job_id)
    assert (row.state, row.error, bool(row.finished_at)) == (state, ERROR, state != "accepted")


@way
@pytest.mark.parametrize("elsewhere", ["running", "succeeded", "failed", "cancelled", "dead"])
def test_a_row_that_runs_or_has_ended_stays_as_it_is(ledger, leave, state, elsewhere):
    job_id = ledger.accept().job_id
    ledger.change(job_id, state=elsewhere, token=OTHERS)
    before = ledger.row(job_id)
    assert leave(ledger, job_id) == elsewhere
    assert ledger.row(job_id) == before


@way
def test_there_may_be_no_row_or_only_one_of_a_plain_celery_task(ledger, leave, state):
    assert leave(ledger, "never issued") is None
    job_id = ledger.accept().job_id
    ledger.change(job_id, origin=exits.PLAIN)
    assert leave(ledger, job_id) is None
    assert ledger.row(job_id).error is None


def test_a_run_that_a_client_ends_is_cancelled_by_its_token(ledger):
    job_id, token = ledger.accept().job_id, uuid4()
    ledger.do(steps.claim, job_id, token, lease=20, worker="a worker")
    assert ledger.do(exits.cancel_unstarted, job_id, ERROR, token=token) == "cancelled"
    assert not ledger.do(steps.finish, job_id, token, {})


def test_a_job_that_was_put_off_is_published_when_it_is_due_and_not_before(ledger):
    job_id = ledger.accept().job_id
    put_off(ledger, job_id)
    assert ledger.do(take_due, most=10, publish_timeout=10) == []
    ledger.change(job_id, not_before=NOW)
    assert [item.job_id for item in ledger.do(take_due, most=10, publish_timeout=10)] == [job_id]


def test_only_the_row_that_told_a_client_of_an_unknown_task_is_forgotten(ledger):
    told, job = ledger.accept().job_id, ledger.accept().job_id
    ledger.change(told, job, state="dead", error={"code": exits.UNREGISTERED})
    ledger.change(told, origin=exits.PLAIN)
    for job_id in (told, job):
        ledger.do(exits.forget_unregistered, job_id)
    assert (ledger.count(id=told), ledger.count(id=job)) == (0, 1)


def test_a_message_that_is_adopted_twice_is_one_row_the_first(ledger):
    eta = datetime(2030, 1, 1, tzinfo=UTC)
    wishes = {"tenant": "default", "embed": None, "not_before": eta, "deadline": None}
    assert ledger.do(adopt_for_later, "an id", PRUNE.message(Prune(days=3)), **wishes)
    assert not ledger.do(adopt_for_later, "an id", PRUNE.message(Prune(days=4)), **wishes)
    row = ledger.row("an id")
    assert (row.payload, row.state, row.not_before, row.origin) == ({"days": 3}, "accepted", eta, "adopted")


@pytest.fixture
def told():
    """What was told, in order, and an event of the last."""
    return [], threading.Event()


def tell(told, what):
    def note(answer):
        told[0].append((what, answer))
        told[1].set()

    return note


def test_a_write_beside_the_loop_waits_for_postgresql_and_is_made_once_it_is_back(
    quick, own_postgres, own_ledger, told
):
    job_id = own_ledger.accept().job_id
    aside = Aside(quick(database_url=own_postgres.server.url, database_timeout=1, outage_patience=60))
    own_postgres.kill()
    aside.write(lambda connection: exits.fail_unstarted(connection, job_id, ERROR), tell(told, "then"), pytest.fail)
    own_postgres.start()
    assert told[1].wait(30)
    assert told[0] == [("then", "failed")]
    assert own_ledger.row(job_id).state == "failed"


def test_a_write_beside_the_loop_is_given_up_after_the_patience_with_an_outage(quick, told):
    aside = Aside(quick(database_url="postgresql://nobody@127.0.0.1:1/none", outage_patience=0))
    aside.write(lambda connection: None, pytest.fail, tell(told, "otherwise"))
    assert told[1].wait(30)
    [(what, error)] = told[0]
    assert (what, type(error)) == ("otherwise", Unavailable)


def test_a_write_that_fails_for_another_reason_is_told_and_the_next_one_is_made(settings, ledger, told):
    def wrong(connection):
        raise ValueError("no")

    def worse(answer):
        raise RuntimeError("while it was told")

    aside = Aside(settings)
    aside.write(wrong, pytest.fail, worse)
    aside.write(wrong, pytest.fail, lambda error: told[0].append(type(error)))
    aside.write(lambda connection: 5, tell(told, "then"), pytest.fail)
    assert told[1].wait(30)
    assert told[0] == [ValueError, ("then", 5)]


@dataclass
class Letters:
    """A channel with dead letters, as our transport has."""

    buried: list[tuple[str, str, str]] = field(default_factory=list)

    def dead_letter(self, delivery_tag, reason, error):
        self.buried.append((delivery_tag, reason, error))


@dataclass
class Loop:
    """What the exits see of a consumer, whose loop does at once what it is given."""

    app: Any
    connection_errors = ()
    event_dispatcher = None

    def call_soon(self, work, *arguments):
        work(*arguments)


@pytest.fixture
def buried(settings):
    """Let a message leave, and read which reason its dead letter gives."""
    app = make_app(settings=settings)

    def leave(headers, unknown_task=False):
        letters, gone = Letters(), Exits(Loop(app))
        message = Message(b"{}", channel=letters, delivery_tag="a tag", headers=headers)
        if unknown_task:
            gone.unknown_task(message)
        else:
            gone.unusable(message, INVALID, None)
        return letters.buried

    yield leave
    app.close()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "invalid_message"),
        ({"id": "never issued"}, "invalid_message"),
        ({"id": "never issued", "penstock": {}}, "row_missing"),
    ],
)
def test_a_message_of_no_job_goes_to_the_dead_letters_with_its_reason(buried, eventually, headers, reason):
    letters = buried(headers)
    [(tag, given, _)] = eventually(lambda: letters)
    assert (tag, given) == ("a tag", reason)


@pytest.mark.parametrize(("more", "reason"), [({}, "unknown_task"), ({"penstock": {}}, "row_missing")])
def test_so_does_one_of_no_job_whose_task_is_unknown(buried, eventually, ledger, more, reason):
    letters = buried({"id": "never issued", "task": "ops_trace.of_tomorrow"} | more, unknown_task=True)
    assert [given for _, given, _ in eventually(lambda: letters)] == [reason]
    assert ledger.count(id="never issued") == (0 if more else 1)


def test_a_message_whose_exit_cannot_be_written_for_another_reason_is_buried_too(buried, eventually, ledger):
    ledger.execute("ALTER TABLE jobs RENAME TO away")
    try:
        letters = buried({"id": "an id"})
        assert [given for _, given, _ in eventually(lambda: letters)] == ["fault"]
    finally:
        ledger.execute("ALTER TABLE away RENAME TO jobs")
