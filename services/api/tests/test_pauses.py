"""Pausing and resuming over HTTP, with a real ledger and a real Redis."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from penstock_contracts.queues import BY_NAME, MAIL
from penstock_runtime.ledger.pauses import LONGEST_REASON
from penstock_runtime.scopes import Scope

MakeKey = Callable[..., dict[str, str]]


@pytest.fixture
def admin(api: FlaskClient, make_key: MakeKey) -> Callable[[str], Any]:
    """POST with a key of the scope `admin`, and return the answer."""
    key = make_key(scopes=[Scope.ADMIN])
    return lambda address: api.post(address, headers=key)


def told_of(api: FlaskClient, queue: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in api.get("/v1/queues").get_json()["items"] if one["queue"] == queue)
    return found


def in_redis(redis_url: str) -> bool:
    with redis.Redis.from_url(redis_url) as client:
        return bool(client.exists(MAIL.paused_key))


def test_a_queue_is_paused_shown_and_resumed(api: FlaskClient, admin: Any, redis_url: str) -> None:
    paused = admin("/v1/queues/mail/pause?reason=the+mail+server+moves").get_json()
    assert paused["queue"] == "mail"
    assert (paused["paused"]["reason"], paused["paused"]["in_force"]) == ("the mail server moves", True)
    assert in_redis(redis_url)
    assert told_of(api, "mail")["paused"] == paused["paused"]
    assert told_of(api, "dataset")["paused"] is None

    assert admin("/v1/queues/mail/resume").get_json() == {"queue": "mail", "paused": None}
    assert not in_redis(redis_url)
    assert told_of(api, "mail")["paused"] is None


def test_a_repeat_changes_nothing_but_the_reason(admin: Any) -> None:
    first, again = (admin(f"/v1/queues/mail/pause{query}").get_json()["paused"] for query in ("?reason=x", ""))
    assert (again["since"], again["reason"]) == (first["since"], None)
    assert [admin("/v1/queues/mail/resume").status_code for _ in range(2)] == [200, 200]


def test_jobs_for_a_paused_queue_are_accepted(api: FlaskClient, admin: Any) -> None:
    admin("/v1/queues/generation/pause")
    report = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}
    assert api.post("/v1/reports", json=report).status_code == 202


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_queue_that_is_not_there_is_not_found_and_those_that_are_there_are_told(admin: Any, verb: str) -> None:
    refused = admin(f"/v1/queues/post/{verb}")
    assert (refused.status_code, refused.get_json()["code"]) == (404, "not_found")
    assert refused.get_json()["detail"] == f"there is no such queue; the queues are {', '.join(BY_NAME)}"


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_key_that_reads_and_writes_pauses_nothing(api: FlaskClient, verb: str) -> None:
    refused = api.post(f"/v1/queues/mail/{verb}")
    assert (refused.status_code, refused.get_json()["code"]) == (403, "forbidden")
    assert "--scope admin" in refused.get_json()["detail"]
    assert told_of(api, "mail")["paused"] is None


def test_a_reason_has_a_longest(admin: Any) -> None:
    longest = "x" * LONGEST_REASON
    assert admin(f"/v1/queues/mail/pause?reason={longest}").get_json()["paused"]["reason"] == longest
    refused = admin(f"/v1/queues/mail/pause?reason={longest}x")
    assert (refused.status_code, refused.get_json()["errors"][0]["location"]) == (422, "query.reason")


def test_a_pause_that_redis_does_not_know_of_is_said_not_to_be_in_force(
    api: FlaskClient, admin: Any, redis_url: str
) -> None:
    admin("/v1/queues/mail/pause")
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    assert told_of(api, "mail")["paused"]["in_force"] is False


def test_without_redis_a_pause_is_written_down_and_told_later(make_api: Any, make_key: MakeKey) -> None:
    client = make_api(CELERY_BROKER_URL="redis://127.0.0.1:1/0").test_client()
    with capture_logs() as logged:
        paused = client.post("/v1/queues/mail/pause", headers=make_key(scopes=[Scope.ADMIN])).get_json()
    assert paused["paused"]["in_force"] is False
    assert [line["then"] for line in logged if line["event"] == "pauses_not_told"] == ["the relay tells Redis"]


def test_who_pauses_and_resumes_is_logged(admin: Any) -> None:
    with capture_logs() as logged:
        admin("/v1/queues/mail/pause?reason=x")
        admin("/v1/queues/mail/resume")
    events = [line for line in logged if line["event"].startswith("queue_")]
    assert [(line["event"], line["queue"], line["tenant"]) for line in events] == [
        ("queue_paused", "mail", "default"),
        ("queue_resumed", "mail", "default"),
    ]
