"""What `/v1/queues` tells, with real messages and rows."""

import json
from typing import Any

import pytest
import redis
import sqlalchemy
from flask.testing import FlaskClient
from processes import eventually

from penstock_contracts.queues import QUEUES
from penstock_runtime.schema import jobs

REPORT = {"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}


def shown(api: FlaskClient) -> dict[str, Any]:
    return {item["queue"]: item for item in api.get("/v1/queues").get_json()["items"]}


def change(database: sqlalchemy.Engine, **values: str) -> None:
    with database.begin() as connection:
        connection.execute(jobs.update().values({name: sqlalchemy.text(value) for name, value in values.items()}))


def test_queues_show_what_waits_and_since_when(api: FlaskClient) -> None:
    api.post("/v1/reports", json=REPORT)
    eventually(lambda: shown(api)["generation"]["queued"]["normal"] == 1, "the job is in its queue")
    found = shown(api)

    assert found.keys() == {queue.name for queue in QUEUES}
    assert found["generation"]["queued"] == {"normal": 1, "bulk": 0}
    assert found["generation"]["oldest"]["exact"] is True
    assert found["generation"]["workers"] == 0
    assert found["mail"]["oldest"] is None


@pytest.mark.parametrize(
    "message",
    [
        {"headers": {"id": "a", "penstock": {"published_at": "2020-01-01T00:00:00+00:00"}}},
        {"headers": {"id": "a"}, "properties": {"penstock_enqueued_at": 1577836800.0}},
    ],
    ids=["of the ledger", "of another client on our transport"],
)
def test_our_message_has_the_age_of_its_stamp(api: FlaskClient, redis_url: str, message: dict[str, Any]) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("mail:5", json.dumps(message))

    oldest = shown(api)["mail"]["oldest"]
    assert oldest["exact"] is True
    assert oldest["seconds"] > 5 * 365 * 86_400


@pytest.mark.parametrize("message", [json.dumps({"headers": {"id": "theirs"}}), "no JSON", '{"headers": []}'])
def test_a_foreign_message_ages_from_first_sight(api: FlaskClient, redis_url: str, message: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("mail", message)
        first = shown(api)["mail"]["oldest"]
        eventually(lambda: shown(api)["mail"]["oldest"]["seconds"] > 0, "it ages")
        client.delete("mail")
        client.lpush("mail", json.dumps({"headers": {"id": "another"}}))
        another = shown(api)["mail"]["oldest"]

    assert first == another == {"seconds": 0, "exact": False}


def test_rates_come_from_what_finished_lately(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    for _ in range(3):
        api.post("/v1/reports", json=REPORT)
    eventually(lambda: shown(api)["generation"]["queued"]["normal"] == 3, "they are in their queue")
    change(
        database,
        state="'succeeded'",
        worker="'w1'",
        created_at="now() - interval '100 s'",
        started_at="now() - interval '90 s'",
        finished_at="now() - interval '86 s'",
    )
    found = eventually(
        lambda: (one := shown(api)["generation"])["last_5_minutes"]["wait"]["mean"] and one, "it is told"
    )

    assert found["last_5_minutes"] == {
        "per_minute": {"succeeded": 0.6, "failed": 0.0, "cancelled": 0.0, "dead": 0.0},
        "wait": {"mean": 10, "median": 10},
        "run": {"mean": 4, "median": 4},
    }
    assert found["last_minute"]["per_minute"]["succeeded"] == 0
    assert found["last_minute"]["run"] == {"mean": None, "median": None}
    assert found["workers"] == 1


def test_a_worker_is_seen_while_its_lease_lasts(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    api.post("/v1/reports", json=REPORT)
    change(database, state="'running'", worker="'w2'", lease_until="now() + interval '1 hour'")
    eventually(lambda: shown(api)["generation"]["workers"] == 1, "the worker is seen")
    change(database, lease_until="now() - interval '1 s'")
    eventually(lambda: shown(api)["generation"]["workers"] == 0, "it is seen no more")


def test_who_asks_often_costs_no_more_than_who_asks_once(make_api: Any, make_key: Any, database: Any) -> None:
    client, key = make_api(api_figures_seconds=60).test_client(), make_key()

    def workers() -> set[int]:
        return {item["workers"] for item in client.get("/v1/queues", headers=key).get_json()["items"]}

    assert workers() == {0}
    client.post("/v1/reports", json=REPORT, headers=key)
    change(database, state="'running'", worker="'w3'", lease_until="now() + interval '1 hour'")
    assert workers() == {0}
