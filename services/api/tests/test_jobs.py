import pytest
import sqlalchemy
from flask.testing import FlaskClient

from penstock_contracts import tasks
from penstock_contracts.queues import QUEUES
from penstock_runtime.schema import jobs

REPORT = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}
ACTIONS = {"actions": [{"user_id": "u", "action": "login", "at": "2026-05-01T08:30:00+08:00"}]}


def test_an_accepted_job_is_where_its_location_says(api: FlaskClient) -> None:
    accepted = api.post("/v1/reports", json=REPORT)

    assert accepted.status_code == 202
    job = api.get(accepted.headers["Location"]).get_json()
    assert job["id"] == accepted.get_json()["job_id"]
    assert (job["task"], job["queue"], job["priority"]) == ("generation.report", "generation", "normal")


def test_the_request_id_goes_with_the_job(api: FlaskClient) -> None:
    accepted = api.post("/v1/reports", json=REPORT, headers={"X-Request-Id": "from-my-log"})

    assert accepted.headers["X-Request-Id"] == "from-my-log"
    assert api.get(accepted.headers["Location"]).get_json()["request_id"] == "from-my-log"


@pytest.mark.parametrize("given", ["a b", "é", "x" * 129, "", "<script>"])
def test_a_request_id_that_is_not_plain_is_replaced(api: FlaskClient, given: str) -> None:
    made = api.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert made != given
    assert len(made) == 32


def test_a_repeat_with_the_same_key_gets_the_first_job(api: FlaskClient) -> None:
    first = api.post("/v1/reports", json=REPORT, headers={"Idempotency-Key": "monday"})
    second = api.post("/v1/reports", json=REPORT, headers={"Idempotency-Key": "monday"})

    assert second.status_code == 202
    assert second.headers["Location"] == first.headers["Location"]


def test_another_body_with_the_same_key_is_a_conflict(api: FlaskClient) -> None:
    api.post("/v1/reports", json=REPORT, headers={"Idempotency-Key": "monday"})
    second = api.post("/v1/reports", json=REPORT | {"locale": "zh"}, headers={"Idempotency-Key": "monday"})

    assert second.status_code == 409
    assert second.get_json()["code"] == "idempotency_key_reused"


def test_two_tenants_may_use_the_same_idempotency_key(api: FlaskClient, stranger: FlaskClient) -> None:
    first = api.post("/v1/reports", json=REPORT, headers={"Idempotency-Key": "monday"})
    second = stranger.post("/v1/reports", json=REPORT | {"locale": "zh"}, headers={"Idempotency-Key": "monday"})

    assert (first.status_code, second.status_code) == (202, 202)


def test_a_repeat_tells_the_state_that_the_job_has_by_now(api: FlaskClient) -> None:
    first = api.post("/v1/reports", json=REPORT, headers={"Idempotency-Key": "monday"})
    api.post(f"{first.headers['Location']}/cancel")

    assert (
        api.post("/v1/reports", json=REPORT, headers={"Idempotency-Key": "monday"}).get_json()["state"] == "cancelled"
    )


def test_jobs_are_listed_newest_first_page_by_page(api: FlaskClient) -> None:
    made = [api.post("/v1/reports", json=REPORT).get_json()["job_id"] for _ in range(5)]

    seen, cursor = [], ""
    for _ in range(3):
        page = api.get(f"/v1/jobs?limit=2{cursor}").get_json()
        seen += [job["id"] for job in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == made[::-1]
    assert page["next_cursor"] is None


def test_jobs_are_found_by_queue_task_and_state(api: FlaskClient) -> None:
    report = api.post("/v1/reports", json=REPORT)
    api.post("/v1/user-actions", json=ACTIONS)
    api.post(f"{report.headers['Location']}/cancel")

    assert [job["task"] for job in api.get("/v1/jobs?queue=ops_trace").get_json()["items"]] == [
        "ops_trace.user_actions"
    ]
    assert [job["queue"] for job in api.get("/v1/jobs?task=generation.report").get_json()["items"]] == ["generation"]
    assert [job["queue"] for job in api.get("/v1/jobs?state=cancelled").get_json()["items"]] == ["generation"]


def test_the_filters_know_every_queue_and_task(api: FlaskClient) -> None:
    answers = [api.get(f"/v1/jobs?queue={queue.name}") for queue in QUEUES]
    answers += [api.get(f"/v1/jobs?task={name}") for name in tasks.BY_NAME]

    assert {answer.status_code for answer in answers} == {200}


def test_a_waiting_job_is_cancelled_at_once_and_a_repeat_changes_nothing(api: FlaskClient) -> None:
    address = api.post("/v1/reports", json=REPORT).headers["Location"]
    first = api.post(f"{address}/cancel")
    second = api.post(f"{address}/cancel")

    assert (first.status_code, first.get_json()["state"]) == (200, "cancelled")
    assert second.get_json() == first.get_json()


def test_a_running_job_is_asked_to_stop(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    address = api.post("/v1/reports", json=REPORT).headers["Location"]
    with database.begin() as connection:
        connection.execute(jobs.update().values(state="running"))
    job = api.post(f"{address}/cancel").get_json()

    assert (job["state"], job["cancel_requested"]) == ("running", True)


def test_a_foreign_job_does_not_exist(api: FlaskClient, stranger: FlaskClient) -> None:
    address = api.post("/v1/reports", json=REPORT).headers["Location"]

    assert stranger.get(address).status_code == 404
    assert stranger.post(f"{address}/cancel").status_code == 404
    assert stranger.get("/v1/jobs").get_json()["items"] == []
    assert api.get(address).get_json()["cancel_requested"] is False


@pytest.mark.parametrize("job_id", ["nope", "%00", "%ED%A0%80", "a%20b", "x" * 256, "..%2F..%2Fetc"])
def test_an_id_that_was_never_issued_is_not_found(api: FlaskClient, job_id: str) -> None:
    for answer in (api.get(f"/v1/jobs/{job_id}"), api.post(f"/v1/jobs/{job_id}/cancel")):
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_a_job_that_a_celery_client_named_is_shown(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    api.post("/v1/reports", json=REPORT)
    with database.begin() as connection:
        connection.execute(jobs.update().values(id="my:own-id_1"))

    assert api.get("/v1/jobs/my:own-id_1").get_json()["id"] == "my:own-id_1"


def test_a_job_is_confined_to_its_tenant_in_the_ledger(stranger: FlaskClient, database: sqlalchemy.Engine) -> None:
    stranger.post("/v1/reports", json=REPORT)
    with database.begin() as connection:
        assert connection.execute(sqlalchemy.select(jobs.c.tenant)).scalars().all() == ["another"]
