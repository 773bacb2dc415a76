"""Whether this process is up, and whether it can do its work."""

from typing import Literal

from flask import Response
from pydantic import BaseModel, Field

from penstock_api.blocking import within
from penstock_api.documentation import problems
from penstock_api.models import ALWAYS_TOLD, NoQuery, answer
from penstock_api.openapi import shown
from penstock_api.routes.blueprints import anonymous
from penstock_api.services import Services, services
from penstock_runtime.errors import Unavailable
from penstock_runtime.revisions import is_enough

routes = anonymous("health", "For probes", counted=False)


class Health(BaseModel):
    """The process answers."""

    model_config = ALWAYS_TOLD | shown(up={"status": "up"})

    status: Literal["up"] = "up"


class Readiness(BaseModel):
    """Jobs can be accepted. Without the broker too: they are published when it is back. One of the two is told."""

    model_config = shown(
        ready={"status": "ready", "postgresql": "up", "redis": "up"},
        without_Redis={"status": "ready", "postgresql": "up", "redis": "down"},
        with_RabbitMQ={"status": "ready", "postgresql": "up", "rabbitmq": "up"},
    )

    status: Literal["ready"]
    postgresql: Literal["up"]
    redis: Literal["up", "down"] = Field("up", description="where it carries the messages")
    rabbitmq: Literal["up", "down"] = Field("up", description="where it carries the messages")


@routes.get("/healthz", responses={200: Health} | problems())
def healthz(query: NoQuery) -> Response:
    """Whether the process is up

    It asks nobody else, so that a probe which restarts what fails does not restart the API for another's sake.
    """
    return answer(Health())


@routes.get("/readyz", responses={200: Readiness} | problems("unavailable"))
def readyz(query: NoQuery) -> Response:
    """Whether jobs can be accepted

    PostgreSQL must answer and have the tables that this version needs; a load balancer may send requests then.
    """
    found = services()
    with found.transaction() as connection:
        if not is_enough(connection):
            raise Unavailable("PostgreSQL has not been migrated yet")
    broker = {"rabbitmq" if found.settings.uses_rabbitmq else "redis": "up" if _broker_is_up(found) else "down"}
    ready = Readiness.model_validate({"status": "ready", "postgresql": "up"} | broker)
    return Response(ready.model_dump_json(exclude_unset=True), mimetype="application/json")


def _broker_is_up(found: Services) -> bool:
    try:
        with within(found.settings.api_probe_seconds, lambda: Unavailable("the broker does not answer")):
            found.ask_broker()
    except Unavailable:
        return False
    return True
