"""The API where RabbitMQ carries the messages: the same, but for what only Redis can do."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from own_rabbitmq import OwnRabbit
from processes import eventually

from penstock_api.app import Api
from penstock_api.kedas_counts import Counted, open_counts
from penstock_runtime.errors import Unavailable
from penstock_runtime.scopes import Scope
from penstock_runtime.settings import RuntimeSettings

REPORT = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}
BULK = {"task": "generation.report", "payload": REPORT, "priority": "bulk"}


@pytest.fixture
def settings(settings: RuntimeSettings, rabbitmq: OwnRabbit) -> RuntimeSettings:
    return settings.model_copy(update={"broker": rabbitmq.url})


def generation(api: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in api.get("/v1/queues").get_json()["items"] if one["queue"] == "generation"
    )
    return found


def test_what_is_posted_waits_there_told_apart_by_priority(api: FlaskClient, rabbitmq: OwnRabbit) -> None:
    assert api.post("/v1/reports", json=REPORT).status_code == 202
    assert [api.post("/v1/jobs", json=BULK).status_code for _ in range(2)] == [202, 202]
    eventually(lambda: rabbitmq.ready("generation") == 3, "all are published")
    eventually(lambda: generation(api)["queued"] == {"normal": 1, "bulk": 2}, "all are marked")
    found = generation(api)
    assert (found["in_flight"], found["paused"], found["oldest"]["exact"]) == (0, None, True)


def test_it_is_ready_with_and_without_it(make_api: Callable[..., Api], make_key: Any, rabbitmq: OwnRabbit) -> None:
    ready = make_api(api_probe_seconds=10).test_client().get("/readyz")
    assert ready.get_json() == {"status": "ready", "postgresql": "up", "rabbitmq": "up"}
    away = make_api(CELERY_BROKER_URL="amqp://127.0.0.1:1/", api_probe_seconds=10).test_client()
    assert away.get("/readyz").get_json() == {"status": "ready", "postgresql": "up", "rabbitmq": "down"}
    assert away.get("/v1/queues", headers=make_key()).status_code == 503
    assert away.post("/v1/reports", json=REPORT, headers=make_key()).status_code == 202


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_queue_cannot_be_paused(api: FlaskClient, make_key: Any, verb: str) -> None:
    refused = api.post(f"/v1/queues/mail/{verb}", headers=make_key(scopes=[Scope.ADMIN]))
    assert (refused.status_code, refused.get_json()["code"]) == (409, "pause_unsupported")


def test_dead_letters_are_the_ledgers(api: FlaskClient) -> None:
    assert api.get("/v1/dead-letters").get_json() == {"items": [], "next_cursor": None}
    assert api.get("/v1/dead-letters?kind=message").get_json()["items"] == []
    assert api.get("/v1/dead-letters/none").status_code == 404


def test_each_process_counts_requests_for_itself(make_api: Callable[..., Api], make_key: Any) -> None:
    key = make_key(rate="2/minute")
    first, second = (make_api().test_client() for _ in range(2))
    assert [first.get("/v1/jobs", headers=key).status_code for _ in range(3)] == [200, 200, 429]
    assert second.get("/v1/jobs", headers=key).status_code == 200


def test_keda_is_told_of_what_waits_and_helms_test_sees_the_same(
    api: FlaskClient, settings: RuntimeSettings, rabbitmq: OwnRabbit
) -> None:
    api.post("/v1/reports", json=REPORT)
    generation = Counted(queue="generation", lists=["generation"])
    with open_counts(settings, f"http://127.0.0.1:{rabbitmq.management_port}/") as counts:
        eventually(lambda: rabbitmq.ready("generation") == 1, "it is published")
        eventually(lambda: counts.count(generation) == 1, "it is counted")
        assert not counts.relay_is_here()
        with pytest.raises(Unavailable, match="says 404"):
            counts.count(Counted(queue="other", lists=["other"]))
    with open_counts(settings, "http://127.0.0.1:1/") as counts, pytest.raises(Unavailable, match="says URLError"):
        counts.count(generation)
