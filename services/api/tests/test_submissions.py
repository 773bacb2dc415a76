"""Jobs of any task, alone and a thousand at a time, with all that may be wished for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy
from flask.testing import FlaskClient
from payloads import PAYLOADS

from penstock_api.app import Api
from penstock_contracts.tasks import INTERNAL, STARTABLE, TASKS
from penstock_runtime.ledger import RETRYABLE
from penstock_runtime.schema import jobs

ID = "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"
REPORT = {"task": "generation.report", "payload": {"dataset_id": ID}}


def ahead(**much: float) -> str:
    return (datetime.now(UTC) + timedelta(**much)).isoformat()


def count(database: sqlalchemy.Engine) -> int:
    with database.begin() as connection:
        return connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(jobs)).scalar_one()


@pytest.mark.parametrize("task", STARTABLE, ids=lambda task: task.name)
def test_a_job_of_every_task_is_started_by_its_name(api: FlaskClient, task: Any) -> None:
    answer = api.post("/v1/jobs", json={"task": task.name, "payload": PAYLOADS[task.name]})
    job = api.get(answer.headers["Location"]).get_json()

    assert (answer.status_code, answer.get_json()["state"]) == (202, "accepted")
    assert (job["task"], job["queue"], job["priority"]) == (task.name, task.queue.name, "normal")


@pytest.mark.parametrize("task", INTERNAL, ids=lambda task: task.name)
def test_what_penstock_starts_itself_no_client_may_start(api: FlaskClient, task: Any) -> None:
    answer = api.post("/v1/jobs", json={"task": task.name, "payload": {}})

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["location"] == "body.task"
    assert task in TASKS


def test_what_is_wished_for_a_job_is_kept_with_it(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    wishes = {"priority": "bulk", "not_before": ahead(hours=1), "deadline": ahead(hours=2)}
    answer = api.post("/v1/jobs", json=REPORT | wishes | {"webhook": "https://EXAMPLE.com/hook"})
    job = api.get(answer.headers["Location"]).get_json()

    assert job["priority"] == "bulk"
    for name in ("not_before", "deadline"):
        assert datetime.fromisoformat(job[name]) == datetime.fromisoformat(wishes[name])
    with database.begin() as connection:
        assert connection.execute(sqlalchemy.select(jobs.c.webhook)).scalar_one() == "https://example.com/hook"


def test_a_repeat_gets_the_first_job_even_when_its_deadline_has_passed(api: FlaskClient) -> None:
    late = REPORT | {"deadline": ahead(seconds=-1)}
    first, second = (api.post("/v1/jobs", json=late, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.get_json()["job_id"] == second.get_json()["job_id"]


def test_times_may_lie_as_far_ahead_as_the_setting_says(make_api: Callable[..., Api], make_key: Any) -> None:
    client, key = make_api(api_ahead_days=2).test_client(), make_key()
    for name in ("not_before", "deadline"):
        within = client.post("/v1/jobs", json=REPORT | {name: ahead(days=1.99)}, headers=key)
        beyond = client.post("/v1/jobs", json=REPORT | {name: ahead(days=2.01)}, headers=key)
        assert (within.status_code, beyond.status_code) == (202, 422)
        assert beyond.get_json()["detail"] == f"body.{name}: must be at most 2 days ahead"


def test_a_network_that_the_operator_allows_may_be_told(make_api: Callable[..., Api], make_key: Any) -> None:
    private = REPORT | {"webhook": "http://10.20.0.1/hook"}
    closed = make_api().test_client().post("/v1/jobs", json=private, headers=make_key())
    opened = make_api(webhook_allowed_networks="10.20.0.0/16").test_client()

    assert closed.get_json()["errors"][0]["location"] == "body.webhook"
    assert opened.post("/v1/jobs", json=private, headers=make_key()).status_code == 202


def test_a_thousand_jobs_are_accepted_in_the_order_given(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    items = api.post("/v1/jobs/bulk", json={"jobs": [REPORT] * 1000}).get_json()["items"]
    ids = [item["job_id"] for item in items]

    assert ids == sorted(ids)
    assert all(item["created"] for item in items)
    assert count(database) == len(set(ids)) == 1000
    assert api.get(items[-1]["links"]["job"]).status_code == 200


def test_one_entry_more_than_a_thousand_is_refused(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    refused = api.post("/v1/jobs/bulk", json={"jobs": [REPORT] * 1001})

    assert (refused.status_code, refused.get_json()["errors"][0]["location"]) == (422, "body.jobs")
    assert count(database) == 0


@pytest.mark.parametrize(
    ("entry", "location"),
    [
        ({"task": "generation.report", "payload": {"dataset_id": "no"}}, "body.jobs.1.payload.dataset_id"),
        ({"task": "generation.report"}, "body.jobs.1.payload"),
        ({"task": "no.such_task", "payload": {}}, "body.jobs.1.task"),
        ({"payload": {}}, "body.jobs.1.task"),
        (REPORT | {"priority": "urgent"}, "body.jobs.1.priority"),
        (REPORT | {"colour": "red"}, "body.jobs.1.colour"),
        (REPORT | {"idempotency_key": "x" * 256}, "body.jobs.1.idempotency_key"),
        (REPORT | {"not_before": ahead(hours=2), "deadline": ahead(hours=1)}, "body.jobs.1.deadline"),
        (REPORT | {"webhook": "http://127.0.0.1/"}, "body.jobs.1.webhook"),
    ],
)
def test_one_invalid_entry_is_named_and_nothing_is_accepted(
    api: FlaskClient, database: sqlalchemy.Engine, entry: Any, location: str
) -> None:
    refused = api.post("/v1/jobs/bulk", json={"jobs": [REPORT, entry, REPORT]})

    assert (refused.status_code, refused.get_json()["errors"][0]["location"]) == (422, location)
    assert count(database) == 0


def test_a_reused_key_is_told_for_its_entry_alone(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    api.post("/v1/jobs", json=REPORT, headers={"Idempotency-Key": "k"})
    other = {"task": "generation.report", "payload": {"dataset_id": ID, "locale": "zh"}}
    entries = [REPORT | {"idempotency_key": "k"}, other | {"idempotency_key": "k"}, other]
    repeated, refused, created = api.post("/v1/jobs/bulk", json={"jobs": entries}).get_json()["items"]

    assert (repeated["created"], created["created"]) == (False, True)
    assert (refused["problem"]["code"], refused["problem"]["status"]) == ("idempotency_key_reused", 409)
    assert count(database) == 2


def test_a_bulk_request_that_is_repeated_with_its_key_starts_nothing_twice(
    api: FlaskClient, database: sqlalchemy.Engine
) -> None:
    body = {"jobs": [REPORT, REPORT, REPORT | {"idempotency_key": "own"}]}
    first, second = (
        api.post("/v1/jobs/bulk", json=body, headers={"Idempotency-Key": "k"}).get_json()["items"] for _ in range(2)
    )

    assert [item["job_id"] for item in first] == [item["job_id"] for item in second]
    assert [item["created"] for item in first + second] == [True] * 3 + [False] * 3
    assert count(database) == 3


@pytest.mark.parametrize("state", RETRYABLE)
def test_a_job_that_ended_badly_starts_over(api: FlaskClient, database: sqlalchemy.Engine, state: str) -> None:
    address = api.post("/v1/jobs", json=REPORT).headers["Location"]
    with database.begin() as connection:
        connection.execute(jobs.update().values(state=state, attempt=3, finished_at=sqlalchemy.func.now()))
    retried = api.post(f"{address}/retry")

    assert (retried.status_code, retried.get_json()["state"], retried.get_json()["attempt"]) == (200, "accepted", 0)


@pytest.mark.parametrize("state", ["accepted", "queued", "running", "succeeded"])
def test_a_job_in_another_state_is_left_alone(api: FlaskClient, database: sqlalchemy.Engine, state: str) -> None:
    address = api.post("/v1/jobs", json=REPORT).headers["Location"]
    with database.begin() as connection:
        # Without the stamp: the message that is just going out says nothing of this row any more.
        connection.execute(jobs.update().values(state=state, published_at=None))
    refused = api.post(f"{address}/retry")

    assert (refused.status_code, refused.get_json()["code"]) == (409, "not_retryable")
    assert refused.get_json()["detail"].startswith(f"the job is {state}; ")


def test_a_foreign_job_cannot_be_retried(api: FlaskClient, stranger: FlaskClient) -> None:
    address = api.post("/v1/jobs", json=REPORT).headers["Location"]
    api.post(f"{address}/cancel")

    assert stranger.post(f"{address}/retry").status_code == 404
    assert api.get(address).get_json()["state"] == "cancelled"
