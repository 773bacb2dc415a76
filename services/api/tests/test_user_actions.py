from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import sqlalchemy
from flask.testing import FlaskClient

from penstock_runtime.schema import jobs, user_actions

MAY = datetime(2026, 5, 1, tzinfo=UTC)
Keep = Callable[..., None]


@pytest.fixture
def keep(database: sqlalchemy.Engine) -> Keep:
    """Keep actions as the worker does: one for each hour since the first of May."""

    def insert(*user_ids: str, action: str = "login", tenant: str = "default") -> None:
        rows = [
            {"tenant": tenant, "user_id": user_id, "action": action, "at": MAY + timedelta(hours=hour), "job_id": "j"}
            for hour, user_id in enumerate(user_ids)
        ]
        with database.begin() as connection:
            connection.execute(user_actions.insert(), [row | {"target": None, "detail": {"n": 1}} for row in rows])

    return insert


def found(client: FlaskClient, **query: str) -> list[str]:
    return [item["user_id"] for item in client.get(f"/v1/user-actions?{urlencode(query)}").get_json()["items"]]


def test_a_batch_becomes_one_job_with_all_of_its_actions(api: FlaskClient, database: sqlalchemy.Engine) -> None:
    action = {"user_id": "u", "action": "登录", "at": "2026-05-01T08:30:00+08:00", "detail": {"a": [1, None, "é"]}}
    assert api.post("/v1/user-actions", json={"actions": [action] * 1000}).status_code == 202

    with database.begin() as connection:
        payload = connection.execute(sqlalchemy.select(jobs.c.payload)).scalar_one()
    assert payload["actions"] == [action | {"target": None, "at": "2026-05-01T00:30:00Z"}] * 1000


def test_actions_are_found_by_user_action_and_time_latest_first(api: FlaskClient, keep: Keep) -> None:
    keep("li", "wang", "li")
    keep("zhao", action="logout")

    assert found(api, user_id="li") == ["li", "li"]
    assert found(api, action="logout") == ["zhao"]
    assert found(api, action="login") == ["li", "wang", "li"]
    assert found(api, since="2026-05-01T01:00:00Z") == ["li", "wang"]
    assert found(api, until="2026-05-01T09:00:00+08:00", user_id="wang") == []
    assert found(api, since="2026-05-01T01:00:00Z", until="2026-05-01T02:00:00Z") == ["wang"]


def test_pages_meet_without_a_gap_even_where_times_are_equal(api: FlaskClient, keep: Keep) -> None:
    for user_id in ("a", "b", "c"):
        keep(user_id)
    seen, page = [], api.get("/v1/user-actions?limit=1").get_json()
    while True:
        seen += [item["user_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        page = api.get(f"/v1/user-actions?limit=1&cursor={page['next_cursor']}").get_json()

    assert seen == ["c", "b", "a"]


def test_an_action_is_shown_whole(api: FlaskClient, keep: Keep) -> None:
    keep("li")
    assert api.get("/v1/user-actions").get_json() == {
        "items": [
            {
                "user_id": "li",
                "action": "login",
                "at": "2026-05-01T00:00:00Z",
                "target": None,
                "detail": {"n": 1},
                "job_id": "j",
            }
        ],
        "next_cursor": None,
    }


def test_foreign_actions_are_not_found(stranger: FlaskClient, keep: Keep) -> None:
    keep("li")
    assert found(stranger) == []


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_far_off_can_be_asked_for(api: FlaskClient, keep: Keep, time: str) -> None:
    keep("li")
    assert found(api, since=time) == (["li"] if time.startswith("0") else [])


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_utc_has_no_year_for_cannot_be_asked_for(api: FlaskClient, time: str) -> None:
    assert api.get("/v1/user-actions", query_string={"since": time}).status_code == 422
