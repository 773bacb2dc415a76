"""What `/v1/dead-letters` tells and does, with real rows and real messages in Redis."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
import sqlalchemy
from flask.testing import FlaskClient

from penstock_contracts.queues import BY_NAME
from penstock_runtime.schema import jobs

SECRET = "anna@example.com"
REPORT = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10", "title": SECRET}
DIED = datetime(2026, 6, 1, 8, tzinfo=UTC)
OOPS = {"code": "worker_lost", "message": "its worker stopped answering on every attempt"}

Die = Callable[..., str]


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def die(database: sqlalchemy.Engine) -> Die:
    """Start a job as this client, and let it die: `die(api, after=5)` is its id."""

    def make(client: FlaskClient, *, after: int = 0, error: Any = OOPS) -> str:
        job_id: str = client.post("/v1/reports", json=REPORT).get_json()["job_id"]
        ended = {"state": "dead", "error": error, "attempt": 3, "losses": 2}
        with database.begin() as connection:
            at = DIED + timedelta(seconds=after)
            connection.execute(jobs.update().where(jobs.c.id == job_id).values(**ended, finished_at=at))
        return job_id

    return make


@pytest.fixture
def bury(broker: "redis.Redis") -> Callable[..., str]:
    """Make a dead letter in Redis as the transport does, and return its id."""

    def make(*, after: int = 0, queue: str = "mail", padding: int = 0) -> str:
        key, at = BY_NAME[queue].dead_key, DIED.timestamp() + after
        letter_id = f"penstock:01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10:{after}"
        headers = {"id": "theirs", "task": "mail.greet", "penstock_deliveries": 3}
        message = json.dumps({"body": SECRET + "x" * padding, "headers": headers, "properties": {"priority": 5}})
        letter = {"message": message, "reason": "worker_lost", "error": None, "deliveries": 3, "at": at}
        broker.hset(key, letter_id, json.dumps(letter))
        broker.zadd(f"{key}_index", {letter_id: at})
        return letter_id

    return make


def listed(client: FlaskClient, query: str = "") -> list[str]:
    """Ids of all dead letters, page by page."""
    found, cursor = [], ""
    while True:
        page = client.get(f"/v1/dead-letters?{query}{cursor}").get_json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_a_dead_job_is_told_with_its_reason_and_without_its_payload(api: FlaskClient, die: Die) -> None:
    job_id = die(api)
    in_list = {"id": job_id, "kind": "job", "queue": "generation", "task": "generation.report"}
    in_list |= {"reason": "worker_lost", "error": OOPS["message"], "deliveries": 3, "died_at": "2026-06-01T08:00:00Z"}

    page, shown = api.get("/v1/dead-letters"), api.get(f"/v1/dead-letters/{job_id}")
    assert page.get_json() == {"items": [in_list], "next_cursor": None}
    assert shown.get_json().items() >= in_list.items()
    assert (shown.get_json()["priority"], shown.get_json()["losses"]) == ("normal", 2)
    assert shown.get_json()["payload_bytes"] > len(json.dumps(REPORT))
    assert SECRET not in page.text + shown.text


def test_a_dead_message_is_told_to_the_tenant_default_only(
    api: FlaskClient, stranger: FlaskClient, bury: Callable[..., str]
) -> None:
    letter_id = bury()
    address = f"/v1/dead-letters/{letter_id}"
    shown = api.get(address)

    told = shown.get_json()
    assert (told["id"], told["kind"], told["queue"], told["task"]) == (letter_id, "message", "mail", "mail.greet")
    assert (told["reason"], told["deliveries"], told["priority"], told["losses"]) == ("worker_lost", 3, "bulk", None)
    assert listed(api) == [letter_id]
    assert SECRET not in shown.text
    assert listed(stranger) == listed(stranger, "kind=message") == []
    for answer in (stranger.get(address), *(stranger.post(f"{address}/{verb}") for verb in ("replay", "discard"))):
        assert answer.get_json()["code"] == "not_found"
    assert listed(api) == [letter_id]


def test_jobs_and_messages_are_one_list_newest_first_page_by_page(
    api: FlaskClient, die: Die, bury: Callable[..., str]
) -> None:
    ids = [(die(api, after=n) if n % 3 else bury(after=n, queue=("mail", "dataset")[n % 2])) for n in range(10)]

    assert listed(api, "limit=3") == listed(api, "limit=10") == listed(api, "limit=200") == ids[::-1]
    assert listed(api, "limit=2&kind=message") == ids[9::-3]
    assert listed(api, "limit=2&queue=mail") == [ids[6], ids[0]]
    assert listed(api, "kind=job&queue=generation&limit=1") == [one for n, one in enumerate(ids) if n % 3][::-1]


def test_jobs_and_messages_of_one_moment_are_each_listed_once(
    api: FlaskClient, die: Die, bury: Callable[..., str], broker: "redis.Redis"
) -> None:
    ids = {bury(after=n) for n in range(6)} | {die(api) for _ in range(5)}
    broker.zadd("dead:mail_index", dict.fromkeys(broker.zrange("dead:mail_index", 0, -1), DIED.timestamp()))

    found = listed(api, "limit=2")
    assert (len(found), {*found}) == (11, ids)


def test_a_page_of_large_messages_is_shorter_and_leaves_nothing_out(
    make_api: Any, make_key: Any, die: Die, bury: Callable[..., str]
) -> None:
    app = make_api(api_page_bytes=40_000)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = make_key()["Authorization"]
    ids = [(die(client, after=n) if n % 2 else bury(after=n, padding=8_000)) for n in range(8)]

    page = client.get("/v1/dead-letters").get_json()["items"]
    assert [item["id"] for item in page] == ids[:5:-1]
    assert listed(client) == ids[::-1]


def test_a_replayed_job_starts_over_and_is_no_dead_letter_any_more(api: FlaskClient, die: Die) -> None:
    job_id = die(api)
    done = api.post(f"/v1/dead-letters/{job_id}/replay", headers={"Idempotency-Key": "monday"})

    settled = {"id": job_id, "kind": "job", "queue": "generation", "outcome": "replayed"}
    assert (done.status_code, done.get_json()) == (200, settled)
    job = api.get(f"/v1/jobs/{job_id}").get_json()
    assert (job["state"], job["attempt"], job["error"]) == ("accepted", 0, None)
    assert listed(api) == []
    assert api.post(f"/v1/dead-letters/{job_id}/replay").status_code == 404


def test_a_discarded_job_is_cancelled_with_what_was_wrong_and_can_still_start_over(api: FlaskClient, die: Die) -> None:
    job_id = die(api)
    done = api.post(f"/v1/dead-letters/{job_id}/discard")

    assert done.get_json()["outcome"] == "discarded"
    job = api.get(f"/v1/jobs/{job_id}").get_json()
    assert (job["state"], job["error"]) == ("cancelled", {"code": "discarded", "message": OOPS["message"]})
    assert api.post(f"/v1/dead-letters/{job_id}/discard").status_code == 404
    assert api.post(f"/v1/jobs/{job_id}/retry").status_code == 200


def test_a_replayed_message_lies_on_its_list_as_a_new_one(
    api: FlaskClient, bury: Callable[..., str], broker: "redis.Redis"
) -> None:
    letter_id = bury()
    done = api.post(f"/v1/dead-letters/{letter_id}/replay")

    assert done.get_json() == {"id": letter_id, "kind": "message", "queue": "mail", "outcome": "replayed"}
    [message] = map(json.loads, broker.lrange("mail:5", 0, -1))
    assert (message["body"], message["headers"]) == (SECRET, {"id": "theirs", "task": "mail.greet"})
    assert api.post(f"/v1/dead-letters/{letter_id}/replay").status_code == 404
    assert broker.llen("mail:5") == 1


def test_a_discarded_message_is_gone(api: FlaskClient, bury: Callable[..., str], broker: "redis.Redis") -> None:
    letter_id = bury()
    assert api.post(f"/v1/dead-letters/{letter_id}/discard").get_json()["outcome"] == "discarded"
    assert api.get(f"/v1/dead-letters/{letter_id}").status_code == 404
    assert broker.keys("dead:*") == []


def test_another_tenants_dead_job_does_not_exist(api: FlaskClient, stranger: FlaskClient, die: Die) -> None:
    address = f"/v1/dead-letters/{die(api)}"

    answers = [stranger.get(address), stranger.post(f"{address}/replay"), stranger.post(f"{address}/discard")]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert listed(stranger) == []
    assert api.get(address).status_code == 200


@pytest.mark.parametrize("state", ["accepted", "succeeded", "failed", "cancelled"])
def test_a_job_that_is_not_dead_is_no_dead_letter(api: FlaskClient, database: sqlalchemy.Engine, state: str) -> None:
    job_id = api.post("/v1/reports", json=REPORT).get_json()["job_id"]
    with database.begin() as connection:
        connection.execute(jobs.update().values(state=state))
    address = f"/v1/dead-letters/{job_id}"

    answers = [api.get(address), api.post(f"{address}/replay"), api.post(f"{address}/discard")]
    assert [answer.get_json()["code"] for answer in answers] == ["not_found"] * 3
    assert listed(api) == []


@pytest.mark.parametrize("error", [None, {}, {"code": "x"}])
def test_a_job_that_died_without_a_whole_reason_is_told_all_the_same(api: FlaskClient, die: Die, error: Any) -> None:
    told = api.get(f"/v1/dead-letters/{die(api, error=error)}").get_json()
    assert (told["reason"], told["error"]) == ((error or {}).get("code", "unknown"), None)


def test_without_redis_jobs_are_told_and_settled_and_messages_are_503(make_api: Any, make_key: Any, die: Die) -> None:
    app = make_api(CELERY_BROKER_URL="redis://127.0.0.1:1/0", redis_timeout=0.1)
    client, other = app.test_client(), app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = make_key()["Authorization"]
    other.environ_base["HTTP_AUTHORIZATION"] = make_key("another")["Authorization"]
    job_id, theirs = die(client), die(other)

    refused = [client.get("/v1/dead-letters"), client.get("/v1/dead-letters/none")]
    assert [(answer.status_code, answer.get_json()["code"]) for answer in refused] == [(503, "unavailable")] * 2
    assert (listed(client, "kind=job"), listed(other)) == ([job_id], [theirs])
    assert client.get(f"/v1/dead-letters/{job_id}").status_code == 200
    assert client.post(f"/v1/dead-letters/{job_id}/replay").status_code == 200
    assert other.get("/v1/dead-letters/none").status_code == 404
