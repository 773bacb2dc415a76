"""The peer: stock Celery behind the same endpoint, with Celery's settings for a web process that only sends.

Two of them. `same` is Penstock's own application, with everything around the endpoint as it is, in which accepting a
job is one call of `.delay()`. `bare` is what one writes by hand in an afternoon: a Flask view that checks the key
and the payload, and calls `.delay()`.
"""

import hashlib
import json
import os
from dataclasses import replace
from typing import Any, cast

from celery import Celery
from flask import Flask, Response, request
from pydantic import ValidationError

from penstock_api.app import Api, create_app
from penstock_api.services import open_services
from penstock_api.settings import ApiSettings
from penstock_contracts.ops_trace import USER_ACTIONS, UserActions
from penstock_contracts.task import Message
from penstock_runtime.ledger import Accepted
from penstock_runtime.settings import load_or_exit
from penstock_runtime.submit import Submitter

QUEUE = "peer"

celery = Celery("peer", broker=os.environ.get("CELERY_BROKER_URL"))
celery.conf.update(
    task_default_queue=QUEUE,
    # Nobody waits for results: Celery then neither asks a backend nor stores anything.
    task_ignore_result=True,
    # `.delay()` takes its producer from a pool of ten connections, as is Celery's default. Larger pools (20, 32, 64)
    # were not faster here, smaller ones slower.
    broker_pool_limit=10,
)


@celery.task(name=USER_ACTIONS.name)  # type: ignore[untyped-decorator]  # Celery has no types
def keep(**payload: Any) -> None:
    """What a worker would do; none runs here."""


class Delays:
    """In the submitter's place."""

    def submit(self, message: Message, **_: Any) -> Accepted:
        """Send, and wait for Redis."""
        return Accepted(keep.delay(**message.payload).id, created=True, publication=None)

    def close(self) -> None:
        """As the submitter's."""


def same() -> Api:
    """Penstock's application without the ledger. It still looks up keys in PostgreSQL."""
    settings = load_or_exit(ApiSettings)
    services = open_services(settings)
    return create_app(settings, replace(services, submitter=cast(Submitter, Delays())))


def bare() -> Flask:
    """A view by hand. Its one key is kept in memory."""
    app = Flask("peer")
    known = {bytes.fromhex(os.environ["PEER_KEY_SHA256"])}

    @app.get("/healthz")
    def live() -> dict[str, Any]:
        return {}

    @app.post("/v1/user-actions")
    def record() -> Response:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or hashlib.sha256(key.encode()).digest() not in known:
            return Response(status=401)
        try:
            payload = UserActions.model_validate_json(request.get_data(), strict=True)
        except ValidationError:
            return Response(status=422)
        job = keep.delay(**payload.model_dump(mode="json"))
        body = json.dumps({"job_id": job.id, "state": "accepted", "links": {"job": f"/v1/jobs/{job.id}"}})
        return Response(body, 202, {"Location": f"/v1/jobs/{job.id}"}, mimetype="application/json")

    return app
