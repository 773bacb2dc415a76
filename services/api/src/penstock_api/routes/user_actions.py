"""User actions: kept in batches, found by user, action and time."""

from datetime import datetime
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, Field
from sqlalchemy import select, tuple_

from penstock_api.auth import tenant
from penstock_api.body import JsonBody
from penstock_api.cursors import read_time_and_number, write_cursor
from penstock_api.documentation import problems_with_body, problems_with_key
from penstock_api.examples import ACTIONS, CURSOR
from penstock_api.models import TIME, NextCursor, NoQuery, PageQuery, PostHeaders, Time, answer
from penstock_api.openapi import link, shown
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_api.starting import Started, accepted, start
from penstock_contracts.ops_trace import USER_ACTIONS, UserActions
from penstock_runtime.schema import user_actions

routes = with_key("user-actions", "What people did")


_ACTION = {
    "user_id": "u-17",
    "action": "login",
    "at": "2026-06-01T16:30:00+08:00",
    "target": "web",
    "detail": {"method": "password"},
}


class UserActionsBody(JsonBody, UserActions):
    """Up to 1,000 actions, kept all or none."""

    model_config = shown(a_login={"actions": [_ACTION]})


class UserActionsQuery(PageQuery):
    """Which actions: of one user, of one kind, from `since` on and before `until`."""

    user_id: Annotated[str | None, Field(max_length=200, description="of this user")] = None
    action: Annotated[str | None, Field(max_length=100, description="of this kind")] = None
    since: Annotated[Time | None, Field(description=f"at this time or later; {TIME}")] = None
    until: Annotated[Time | None, Field(description=f"before this time; {TIME}")] = None


class KeptAction(BaseModel):
    """One action, and the job that kept it."""

    user_id: str
    action: str
    at: datetime = Field(description="when it was done, as its sender said")
    target: str | None
    detail: dict[str, Any]
    job_id: str = Field(description="the job that kept it")


class UserActionPage(BaseModel):
    """Actions, latest first."""

    model_config = shown(
        links={
            "next": link("list_user_actions", "the next page", cursor="next_cursor"),
            "job_of_first": link("show_job", "the job that kept it", job_id="items/0/job_id"),
        },
        a_page={"items": [_ACTION | {"at": "2026-06-01T08:30:00Z", "job_id": ACTIONS}], "next_cursor": CURSOR},
    )

    items: list[KeptAction]
    next_cursor: NextCursor


@routes.post("/user-actions", responses={202: Started} | problems_with_body())
def record_user_actions(header: PostHeaders, query: NoQuery, body: UserActionsBody) -> Response:
    """Record user actions

    They can be listed once their job has succeeded.
    """
    return accepted(start(USER_ACTIONS, body, header))


@routes.get("/user-actions", responses={200: UserActionPage} | problems_with_key())
def list_user_actions(query: UserActionsQuery) -> Response:
    """List user actions

    Those of the tenant, latest first by when they were done, page by page. Filters given together must all hold.
    """
    size = query.size()
    table = user_actions.c
    found = select(*[table[name] for name in KeptAction.model_fields], table.id).where(table.tenant == tenant())
    for column, value in ((table.user_id, query.user_id), (table.action, query.action)):
        if value is not None:
            found = found.where(column == value)
    if query.since is not None:
        found = found.where(table.at >= query.since)
    if query.until is not None:
        found = found.where(table.at < query.until)
    position = read_time_and_number(query.cursor)
    if position is not None:
        found = found.where(tuple_(table.at, table.id) < tuple_(*position))
    with services().transaction() as connection:
        rows = connection.execute(found.order_by(table.at.desc(), table.id.desc()).limit(size + 1)).all()
    items = [KeptAction.model_validate(row._mapping) for row in rows[:size]]
    last = rows[size - 1] if len(rows) > size else None
    return answer(UserActionPage(items=items, next_cursor=write_cursor(last.at, last.id) if last else None))
