"""Whether this process is up, and whether it can do its work."""

from typing import Literal

from flask import Response
from pydantic import BaseModel

from penstock_api.blocking import within
from penstock_api.documentation import problems
from penstock_api.models import ALWAYS_TOLD, NoQuery, answer
from penstock_api.openapi import shown
from penstock_api.routes.blueprints import anonymous
from penstock_api.services import Services, services
from penstock_runtime.backlog import read_backlog
from penstock_runtime.errors import Unavailable
from penstock_runtime.migrate import is_enough

routes = anonymous("health", "For probes", counted=False)


class Health(BaseModel):
    """The process answers."""

    model_config = ALWAYS_TOLD | shown(up={"status": "up"})

    status: Literal["up"] = "up"


class Readiness(BaseModel):
    """Jobs can be accepted. Without Redis too: they are published when it is back."""

    model_config = ALWAYS_TOLD | shown(
        ready={"status": "ready", "postgresql": "up", "redis": "up"},
        without_Redis={"status": "ready", "postgresql": "up", "redis": "down"},
    )

    status: Literal["ready"] = "ready"
    postgresql: Literal["up"] = "up"
    redis: Literal["up", "down"]


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
    return answer(Readiness(redis="up" if _redis_is_up(found) else "down"))


def _redis_is_up(found: Services) -> bool:
    try:
        with within(found.settings.api_probe_seconds, lambda: Unavailable("Redis does not answer")):
            read_backlog(found.settings)
    except Unavailable:
        return False
    return True
