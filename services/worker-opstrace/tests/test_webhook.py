"""What a receiver gets: the job as it ended, and the proof that Penstock sent it."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy

from penstock_contracts.generation import REPORT, Report
from penstock_contracts.ops_trace import WEBHOOK, Webhook
from penstock_runtime.delivery import Delivery
from penstock_runtime.errors import PenstockError
from penstock_runtime.ledger import JobView, accept, read_job, start_over
from penstock_runtime.ledger import run as ledger
from penstock_runtime.links import webhook_secret
from penstock_runtime.schema import jobs
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.worker import Skipped, Worker
from penstock_worker_opstrace.settings import OpsTraceSettings
from penstock_worker_opstrace.tasks import tell
from penstock_worker_opstrace.webhook import headers

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"
KEY = "a key that only tests know"
RESULT = {"dataset_id": "01a2043c-792c-74cf-ab05-f47cb38a2f85", "files": [{"name": "图书.pdf"}]}
ERROR = {"code": "too_many_rows", "message": "the file has more than 10 行"}

Tell = Callable[..., JobView]


@pytest.fixture(scope="module")
def verify() -> Callable[[str, dict[str, str], bytes], Any]:
    """The receiver's side, as docs/webhooks.md gives it."""
    [snippet] = re.findall(r"```python[^\n]*\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)
    found: Callable[[str, dict[str, str], bytes], Any] = names["verify"]
    return found


@pytest.fixture
def ended(database: sqlalchemy.Engine) -> Callable[..., str]:
    """Bring a report to its end, and return its id: `ended()`, `ended(error={…}, state="dead", tenant="acme")`."""

    def make(*, error: dict[str, str] | None = None, state: str = "failed", tenant: str = "default") -> str:
        token = uuid4()
        with database.begin() as connection:
            job_id = accept(connection, REPORT.message(Report(dataset_id=uuid4())), tenant=tenant).job_id
            ledger.claim(connection, job_id, token, lease=20, worker="test")
            if error is None:
                ledger.finish(connection, job_id, token, RESULT)
            else:
                ledger.fail(connection, job_id, token, error, state=state)
        return job_id

    return make


@pytest.fixture
def told_by(settings: RuntimeSettings, database: sqlalchemy.Engine) -> Iterator[Tell]:
    """Run a webhook job as a worker does, `times` times without waiting in between, and return its row."""
    worker = Worker(settings.model_copy(update={"retry_first": 0}), "test")

    def run(bounds: OpsTraceSettings, job_id: str, url: str, *, tenant: str = "default", times: int = 1) -> JobView:
        served = tell(bounds)
        with database.begin() as connection:
            message = WEBHOOK.message(Webhook(job_id=job_id, url=url))
            accepted = accept(connection, message, tenant=tenant)
        for _ in range(times):
            with suppress(PenstockError, Skipped):  # the row says how it ended
                worker.run(served, Delivery(accepted.job_id, uuid4(), {}, known=True))
        with database.connect() as connection:
            job = read_job(connection, accepted.job_id, tenant=tenant)
        assert job is not None
        return job

    yield run
    worker.database.dispose()


def test_a_signature_is_that_of_other_implementations() -> None:
    """The example of https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    content = b'{"event_type":"ping","data":{"success":true}}'
    made = headers("msg_loFOjxBNrRLzqYUf", 1731705121, content, "whsec_plJ3nmyCDGBKInavdOK15jsl")
    assert made["webhook-signature"] == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_the_receiver_gets_the_job_as_it_ended(told_by: Tell, ops_settings, start, ended, verify) -> None:
    receiver = start()
    job_id = ended()
    job = told_by(ops_settings(), job_id, receiver.url)
    assert (job.state, job.result) == ("succeeded", {"status": 204})
    [request] = receiver.requests
    assert request.line == "POST /hook?key=a%20b HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == job.id
    told = json.loads(request.body)
    at = told["timestamp"]
    assert datetime.fromisoformat(at).tzinfo is not None
    assert (told["type"], told["job"]["finished_at"]) == ("job.succeeded", at)
    assert told["job"]["result"]["files"] == [{"name": "图书.pdf"}]
    assert sorted(told["job"]) == [
        "attempt", "created_at", "error", "finished_at", "id", "queue", "result", "state", "task",
    ]  # fmt: skip
    assert verify(webhook_secret("default", KEY), request.headers, request.body)["job"]["id"] == job_id


@pytest.mark.parametrize("state", ["failed", "dead", "cancelled"])
def test_the_receiver_is_told_why_a_job_did_not_succeed(state: str, told_by: Tell, ops_settings, start, ended) -> None:
    receiver = start()
    told_by(ops_settings(), ended(error=ERROR, state=state), receiver.url)
    told = json.loads(receiver.requests[0].body)
    assert told["type"] == f"job.{state}"
    assert (told["job"]["state"], told["job"]["error"], told["job"]["result"]) == (state, ERROR, None)


def test_what_was_changed_or_is_old_or_anothers_does_not_verify(
    told_by: Tell, ops_settings, start, ended, verify
) -> None:
    receiver = start()
    told_by(ops_settings(), ended(tenant="acme"), receiver.url, tenant="acme")
    [request] = receiver.requests
    secret = webhook_secret("acme", KEY)
    assert verify(secret, request.headers, request.body)
    for other in (webhook_secret("default", KEY), webhook_secret("acme", KEY + "!")):
        with pytest.raises(ValueError, match="signature"):
            verify(other, request.headers, request.body)
    with pytest.raises(ValueError, match="signature"):
        verify(secret, request.headers, request.body + b" ")
    with pytest.raises(ValueError, match="signature"):
        verify(secret, request.headers | {"webhook-id": "another"}, request.body)
    old = headers("an id", 1731705121, request.body, secret)
    with pytest.raises(ValueError, match="old"):
        verify(secret, old, request.body)


def test_without_a_configured_key_one_is_made_and_kept(
    told_by: Tell, ops_settings, start, ended, database: sqlalchemy.Engine, verify
) -> None:
    receiver = start()
    for _ in range(2):
        told_by(ops_settings(secret_key=""), ended(), receiver.url)
    with database.connect() as connection:
        [key] = connection.execute(sqlalchemy.text("SELECT value FROM secrets")).scalars()
    for request in receiver.requests:
        assert verify(webhook_secret("default", key), request.headers, request.body)


def test_another_tenants_job_is_not_told(told_by: Tell, ops_settings, start, ended) -> None:
    receiver = start()
    job = told_by(ops_settings(), ended(tenant="acme"), receiver.url, tenant="default")
    assert (job.state, job.error["code"]) == ("failed", "webhook_job_gone")
    assert receiver.requests == []


def test_a_job_that_was_started_over_is_told_at_its_next_end(
    told_by: Tell, ops_settings, start, ended, database: sqlalchemy.Engine
) -> None:
    receiver = start()
    job_id = ended(error=ERROR)
    with database.begin() as connection:
        start_over(connection, job_id, tenant="default")
    job = told_by(ops_settings(), job_id, receiver.url)
    assert (job.state, job.result) == ("succeeded", {"status": None})
    assert receiver.requests == []


def test_a_job_that_ends_twice_before_its_first_call_tells_the_second_end_once(
    settings: RuntimeSettings, database: sqlalchemy.Engine, ops_settings, start
) -> None:
    receiver = start()
    with database.begin() as connection:
        job_id = accept(
            connection, REPORT.message(Report(dataset_id=uuid4())), tenant="default", webhook=receiver.url
        ).job_id
        for reason in ("first", "second"):
            start_over(connection, job_id, tenant="default")
            token = uuid4()
            assert ledger.claim(connection, job_id, token, lease=20, worker="test")
            ledger.fail(connection, job_id, token, {"code": reason, "message": ""})
        calls = connection.scalars(sqlalchemy.select(jobs.c.id).where(jobs.c.task == WEBHOOK.name)).all()
    worker = Worker(settings, "test")
    statuses = [worker.run(tell(ops_settings()), Delivery(call, uuid4(), {}, known=True))["status"] for call in calls]
    worker.database.dispose()
    assert sorted(statuses, key=str) == [204, None]
    assert [json.loads(request.body)["job"]["error"]["code"] for request in receiver.requests] == ["second"]


def test_each_attempt_is_under_the_same_id_and_there_is_none_after_a_success(
    told_by: Tell, ops_settings, start, ended
) -> None:
    def hangs(connection: socket.socket) -> None:
        connection.recv(1)

    receiver = start(b"HTTP/1.1 500 No\r\n\r\n", hangs, b"HTTP/1.1 200 OK\r\n\r\n")
    job = told_by(ops_settings(webhook_timeout=0.3), ended(), receiver.url, times=4)
    assert (job.state, job.attempt) == ("succeeded", 3)
    assert [request.headers["webhook-id"] for request in receiver.requests] == [job.id] * 3
    assert len({request.body for request in receiver.requests}) == 1


@pytest.mark.parametrize(("answer", "error"), [(410, "webhook_gone"), (429, "webhook_failed")])
def test_a_failure_stands_in_the_row_and_is_final_or_waits(
    answer: int, error: str, told_by: Tell, ops_settings, start, ended
) -> None:
    receiver = start(f"HTTP/1.1 {answer} No\r\nRetry-After: 600\r\n\r\n".encode())
    job = told_by(ops_settings(), ended(), receiver.url, times=2)
    assert len(receiver.requests) == 1
    assert job.error["code"] == error
    assert (job.state, job.not_before is None) == (("failed", True) if answer == 410 else ("accepted", False))
