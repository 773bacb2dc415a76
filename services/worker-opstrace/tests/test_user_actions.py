"""A batch of user actions is kept, once and whole."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import select

from penstock_contracts.ops_trace import EARLIEST, LATEST, MOST_ACTIONS, UserAction, UserActions
from penstock_runtime.errors import Rejected
from penstock_runtime.ledger import JobView
from penstock_runtime.schema import user_actions
from penstock_worker_opstrace import tasks
from penstock_worker_opstrace.store import copy_actions

Run = Callable[..., JobView]

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=8)))


def kept(database: sqlalchemy.Engine) -> list[dict[str, Any]]:
    with database.connect() as connection:
        rows = connection.execute(select(user_actions).order_by(user_actions.c.id)).mappings()
        return [dict(row) for row in rows]


def test_actions_are_kept_under_the_jobs_tenant(run: Run, database: sqlalchemy.Engine) -> None:
    detail = {"来源": "首页", "price": 1.5, "tags": ["a\\b", "t\tb", None], "deep": {"er": True}}
    first = UserAction(user_id="u1", action="login", at=NOON)
    second = UserAction(user_id="u\t2", action="购买", at=NOON, target="item\\7\n", detail=detail)
    job = run(tasks.user_actions(), UserActions(actions=[first, second]), tenant="acme")
    assert (job.state, job.result) == ("succeeded", {"stored": 2})
    one, two = kept(database)
    assert (one["tenant"], one["user_id"], one["action"], one["target"], one["detail"]) == (
        "acme", "u1", "login", None, {},
    )  # fmt: skip
    assert (two["user_id"], two["action"], two["target"], two["detail"]) == ("u\t2", "购买", "item\\7\n", detail)
    assert one["at"] == two["at"] == NOON
    assert one["job_id"] == two["job_id"] == job.id


def test_the_largest_batch_is_kept(run: Run, database: sqlalchemy.Engine) -> None:
    actions = [UserAction(user_id=f"u{number}", action="view", at=NOON) for number in range(MOST_ACTIONS)]
    job = run(tasks.user_actions(), UserActions(actions=actions))
    assert job.result == {"stored": MOST_ACTIONS}
    assert [row["user_id"] for row in kept(database)] == [action.user_id for action in actions]


@pytest.mark.parametrize("at", [EARLIEST, LATEST])
def test_the_first_and_the_last_moment_are_kept(run: Run, database: sqlalchemy.Engine, at: datetime) -> None:
    run(tasks.user_actions(), UserActions(actions=[UserAction(user_id="u", action="a", at=at)]))
    [row] = kept(database)
    assert row["at"] == at


@pytest.mark.parametrize("detail", [{"x": "\0"}, {"x": float("nan")}, {"x": "\ud800"}, {"\0": 1}])
def test_what_postgresql_cannot_store_is_rejected(database: sqlalchemy.Engine, detail: dict[str, Any]) -> None:
    action = UserAction(user_id="u", action="a", at=NOON, detail=detail)
    with database.connect() as connection, pytest.raises(Rejected, match="cannot be stored") as caught:
        copy_actions(connection, [action], tenant="default", job_id="j")
    assert caught.value.code == "unstorable"
