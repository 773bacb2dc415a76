"""Queues: how much waits and how much is in progress."""

from dataclasses import asdict

from flask import Response
from pydantic import BaseModel

from penstock_api.documentation import problems_with_key
from penstock_api.models import NoQuery, answer
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_runtime.backlog import read_backlog

routes = with_key("queues", "How much waits")


class Backlog(BaseModel):
    """One queue, of all tenants together: messages waiting by priority, and taken by workers."""

    queue: str
    queued: dict[str, int]
    in_flight: int


class Backlogs(BaseModel):
    """Every queue."""

    items: list[Backlog]


@routes.get("/queues", responses={200: Backlogs} | problems_with_key())
def show_queues(query: NoQuery) -> Response:
    """Show all queues

    503 while Redis is gone; jobs are accepted all the same.
    """
    found = read_backlog(services().settings)
    return answer(Backlogs(items=[Backlog.model_validate(asdict(queue)) for queue in found]))
