"""The ledger as Celery's result backend: a client reads its job's row, and writes none."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from celery import Celery, chord, group
from celery.app.task import Context
from celery.exceptions import TaskRevokedError
from sqlalchemy import make_url

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.broker import make_app
from penstock_runtime.errors import PenstockError, Rejected

PLAIN = Context(id="plain", task="theirs.task", delivery_info={"routing_key": "theirs"})


@pytest.fixture
def client(settings):
    """What a Celery client is, once this package is installed beside it."""
    with Celery(broker=settings.broker_url, backend=settings.database_url, set_as_current=False) as app:
        yield app


@pytest.fixture
def job(ledger):
    """Make a job that is in this state: `job("failed", error=…)`."""

    def make(state, **values):
        job_id = ledger.accept().job_id
        ledger.change(job_id, state=state, **values)
        return job_id

    return make


@pytest.mark.parametrize(
    "prefix", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2", "db+postgresql"]
)
def test_every_spelling_of_a_postgresql_url_leads_to_the_ledger(quick, settings, job, prefix):
    job_id = job("succeeded", result={"deleted": 3})
    url = settings.database_url.replace("postgresql://", f"{prefix}://")
    assert make_app(settings=quick(database_url=url)).AsyncResult(job_id).get() == {"deleted": 3}


def test_the_banner_shows_no_password(settings):
    url = str(make_url(settings.database_url).set(password="hunter2").render_as_string(hide_password=False))
    backend = Celery(backend=url, set_as_current=False).backend
    assert backend.as_uri() == url.replace("hunter2", "**").replace("postgres@", "postgres:**@")
    assert "hunter2" not in backend.as_uri()
    assert backend.as_uri(include_password=True) == url


@pytest.mark.parametrize(
    ("state", "status"),
    [("accepted", "PENDING"), ("queued", "PENDING"), ("running", "STARTED"), ("succeeded", "SUCCESS")],
)
def test_a_jobs_state_is_what_celery_calls_it(client, job, state, status):
    assert client.AsyncResult(job(state, result={})).state == status


def test_all_threads_share_one_backend_and_its_connections(client, at_once):
    mine = client.backend
    assert all(one is mine for one in at_once(3, lambda _: client.backend))


def test_a_job_that_is_not_known_is_pending(client):
    assert client.AsyncResult("never issued").state == "PENDING"


def test_a_result_can_be_waited_for(client, ledger, job, in_background):
    job_id = job("running")
    waiting = in_background(client.AsyncResult(job_id).get, timeout=10, interval=0.01)
    ledger.change(job_id, state="succeeded", result={"deleted": 3})
    assert waiting.result() == {"deleted": 3}


@pytest.mark.parametrize(("state", "kind"), [("failed", Rejected), ("dead", PenstockError)])
def test_an_error_comes_back_with_its_code(client, job, state, kind):
    result = client.AsyncResult(job(state, error={"code": "file_missing", "message": "no such file"}))
    assert result.state == "FAILURE"
    with pytest.raises(kind, match="no such file") as raised:
        result.get()
    assert (type(raised.value), raised.value.code) == (kind, "file_missing")


def test_a_cancelled_job_was_revoked(client, job):
    result = client.AsyncResult(job("cancelled", error={"code": "cancelled", "message": "by anna"}))
    assert result.state == "REVOKED"
    with pytest.raises(TaskRevokedError, match="by anna"):
        result.get()


def test_forgetting_a_result_leaves_the_jobs_record(client, ledger, job):
    job_id = job("succeeded", result={"deleted": 3})
    client.AsyncResult(job_id).forget()
    assert ledger.row(job_id).result == {"deleted": 3}


def test_a_chord_is_refused_before_its_parts_are_sent(client, broker):
    part = client.signature("ops_trace.prune", queue="ops_trace")
    with pytest.raises(NotImplementedError, match="a chord is not supported"):
        chord([part, part], app=client)(part)
    assert broker.llen("ops_trace") == 0


def test_saving_a_group_is_refused(client):
    sent = group([client.signature("ops_trace.prune", queue="ops_trace")], app=client).apply_async()
    with pytest.raises(NotImplementedError, match="groups"):
        sent.save()


def test_results_in_another_form_than_json_are_refused(settings):
    app = Celery(backend=settings.database_url, set_as_current=False)
    app.conf.update(result_serializer="pickle")
    with pytest.raises(ValueError, match="json; result_serializer is pickle"):
        app.backend  # noqa: B018 - it is made here


@pytest.mark.parametrize(
    ("result", "stored"),
    [
        (5, 5),
        ({"a": [1, None]}, {"a": [1, None]}),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        ({"sum": Decimal("1.50")}, {"sum": Decimal("1.50")}),
        (UUID(int=7), UUID(int=7)),
    ],
)
def test_a_plain_celery_tasks_result_is_stored(client, ledger, result, stored):
    client.backend.store_result("plain", result, "SUCCESS", request=PLAIN)
    row = ledger.row("plain")
    assert (row.origin, row.state, row.task, row.queue) == ("celery", "succeeded", "theirs.task", "theirs")
    assert row.finished_at
    assert client.AsyncResult("plain").get() == stored


def test_a_plain_celery_tasks_error_is_stored(client, ledger):
    client.backend.store_result("plain", ValueError("no", "way"), "FAILURE", request=PLAIN)
    assert ledger.row("plain").error == {"code": "ValueError", "message": "no, way"}
    with pytest.raises(PenstockError, match=r"^no, way$") as raised:
        client.AsyncResult("plain").get()
    assert raised.value.code == "ValueError"


def test_a_plain_celery_tasks_later_state_takes_the_place_of_the_earlier(client, ledger):
    client.backend.store_result("plain", None, "STARTED", request=PLAIN)
    assert (ledger.row("plain").state, ledger.row("plain").finished_at) == ("running", None)
    client.backend.store_result("plain", 5, "SUCCESS", request=PLAIN)
    assert (ledger.row("plain").state, ledger.row("plain").result) == ("succeeded", 5)


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "failed"])
def test_a_result_is_never_written_over_a_row_of_the_ledgers(client, ledger, job, state):
    job_id = job(state)
    before = ledger.row(job_id)
    client.backend.store_result(job_id, 5, "SUCCESS", request=PLAIN)
    client.backend.store_result(job_id, ValueError("no"), "FAILURE", request=PLAIN)
    assert ledger.row(job_id) == before


@pytest.mark.parametrize(
    ("state", "after"),
    [("accepted", "cancelled"), ("queued", "cancelled"), ("running", "running"), ("succeeded", "succeeded")],
)
def test_a_message_that_expired_or_was_revoked_cancels_a_job_that_waits(client, ledger, job, state, after):
    job_id = job(state)
    client.backend.mark_as_revoked(job_id, "expired", request=PLAIN)
    row = ledger.row(job_id)
    assert row.state == after
    assert bool(row.finished_at) == (after == "cancelled")


def test_a_revoked_message_without_a_row_is_a_cancelled_plain_task(client, ledger):
    client.backend.mark_as_revoked("plain", "expired", request=PLAIN)
    assert (ledger.row("plain").state, ledger.row("plain").origin) == ("cancelled", "celery")
    assert client.AsyncResult("plain").state == "REVOKED"


def test_a_job_of_a_client_is_read_by_the_id_it_was_sent_with(client, ledger):
    sent = client.send_task(PRUNE.name, kwargs={"days": 3}, queue="ops_trace")
    job_id = ledger.accept(PRUNE.message(Prune(days=3))).job_id
    ledger.change(job_id, id=sent.id, state="succeeded", result={"deleted": 0})
    assert sent.get(timeout=5) == {"deleted": 0}
