"""Pausing: of a paused queue no worker takes anything, what runs goes on, and what comes waits."""

from datetime import datetime
from typing import Annotated

import structlog
from flask import Response
from pydantic import BaseModel, Field

from penstock_api.auth import tenant
from penstock_api.documentation import problems_with_key
from penstock_api.examples import STARTED_AT
from penstock_api.models import NoQuery, PostHeaders, answer
from penstock_api.openapi import shown
from penstock_api.problems import Problem
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_contracts.queues import BY_NAME
from penstock_runtime import pausing, redis_server
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger.pauses import LONGEST_REASON, pause, resume
from penstock_runtime.scopes import Scope

log = structlog.get_logger(__name__)

routes = with_key("pauses", "Queues from which nobody takes anything for a while", scope=Scope.ADMIN)

PROBLEMS = problems_with_key("not_found", "pause_unsupported")

REASON = "the mail server moves"


class QueuePath(BaseModel):
    """Which queue."""

    queue: str = Field(description="its name, as the list of queues tells it", json_schema_extra={"example": "mail"})


class PauseQuery(NoQuery):
    """Why."""

    reason: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=LONGEST_REASON,
            description="for people, who are told it with the pause",
            json_schema_extra={"example": REASON},
        ),
    ] = None


class Pause(BaseModel):
    """Since when and why nothing is taken from a queue."""

    since: datetime
    reason: str | None = Field(description="as it was given; null: none was")
    in_force: bool = Field(description="Redis knows: nothing is taken any more. Else it is told as soon as it answers")


class PausedQueue(BaseModel):
    """A queue, and whether it is paused."""

    model_config = shown(
        paused={"queue": "mail", "paused": {"since": STARTED_AT, "reason": REASON, "in_force": True}},
        resumed={"queue": "mail", "paused": None},
    )

    queue: str
    paused: Pause | None = Field(description="null: it is not")


@routes.post("/queues/<queue>/pause", responses={200: PausedQueue} | PROBLEMS)
def pause_queue(path: QueuePath, header: PostHeaders, query: PauseQuery) -> Response:
    """Pause a queue, for all tenants

    No worker takes a job of it any more. What runs ends as it would; what is posted is accepted, and waits. It lasts
    until the queue is resumed, whatever is started anew or emptied meanwhile. Of a queue that is paused already the
    reason becomes the one given now. It takes a key that was made with the scope `admin`.
    """
    name = _pausable(path.queue)
    with services().transaction() as connection:
        found = pause(connection, name, query.reason)
    log.info("queue_paused", queue=name, reason=query.reason, tenant=tenant())
    paused = Pause(since=found.since, reason=found.reason, in_force=_tell())
    return answer(PausedQueue(queue=name, paused=paused))


@routes.post("/queues/<queue>/resume", responses={200: PausedQueue} | PROBLEMS)
def resume_queue(path: QueuePath, header: PostHeaders, query: NoQuery) -> Response:
    """Resume a queue, for all tenants

    What waits in it is taken again, within a second. Of a queue that is not paused nothing changes. It takes a key that
    was made with the scope `admin`.
    """
    name = _pausable(path.queue)
    with services().transaction() as connection:
        ended = resume(connection, name)
    if ended is not None:
        log.info("queue_resumed", queue=name, paused_since=ended.since.isoformat(), tenant=tenant())
    _tell()
    return answer(PausedQueue(queue=name, paused=None))


def _pausable(name: str) -> str:
    if name not in BY_NAME:
        raise Problem("not_found", f"there is no such queue; the queues are {', '.join(BY_NAME)}")
    if services().settings.uses_rabbitmq:
        raise Problem("pause_unsupported", "RabbitMQ carries the messages, and gives them out as they come")
    return name


def _tell() -> bool:
    """Whether Redis knows now what is paused. Where it does not, the relay tells it when it can."""
    known = services()
    try:
        with redis_server.client(known.settings) as client:
            pausing.tell(client, known.pauses)
    except Unavailable as error:
        log.warning("pauses_not_told", reason=error.message, then="the relay tells Redis")
        return False
    return True
