"""A job's changes as they happen."""

from functools import partial
from typing import Annotated, Any

from flask import Response, request
from pydantic import Field

from penstock_api import event_stream
from penstock_api.auth import tenant
from penstock_api.documentation import problems_with_key
from penstock_api.models import NoQuery, Parameters
from penstock_api.problems import not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.routes.jobs import JobPath
from penstock_api.services import Services, services
from penstock_runtime.ledger import JobView, read_job
from penstock_runtime.ledger.watch import moment_of

routes = with_key("job events", "What becomes of a job, as it happens")

LONGEST_ID = 255
"""Characters of an event's id; ours have fewer than 80."""


class EventHeaders(Parameters):
    """Where to go on."""

    last_event_id: Annotated[
        str | None,
        Field(alias="Last-Event-ID", max_length=LONGEST_ID, description="the id of the last event received"),
    ] = None


_EXAMPLE = (
    "retry: 2000\n\n"
    "id: running-1-500\nevent: state\n"
    'data: {"id": "0198c9d2-…", "state": "running", "attempt": 1, "attempts": 3, "cancel_requested": false, '
    '"progress": {"done": 500, "total": 2000, "unit": "rows"}}\n\n'
)
_STREAM: dict[str, Any] = {
    "description": "Server-Sent Events",
    "content": {event_stream.MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
}
_ANSWERS: dict[int, Any] = {200: _STREAM, 204: {"description": "The last event was received before: do not return"}}


@routes.get("/jobs/<job:job_id>/events", responses=_ANSWERS | problems_with_key("not_found"))
def follow_job(path: JobPath, header: EventHeaders, query: NoQuery) -> Response:
    """Follow one job

    A stream of Server-Sent Events: `state` with the job's present state, again with each change of state or progress,
    and at last `end`, which holds `result` and `error` besides, after which the stream closes. Changes that follow each
    other closely are told as one: the newest counts.

    An event's id is made of the row itself (state, attempt, progress), and no history is kept. A client that comes back
    with `Last-Event-ID` gets the present state unless that is the one it has; who has the last event gets 204.
    Comments keep a silent connection open. A stream also closes when it has lasted long, or when the API is
    stopped: come back after `retry`, as an EventSource does by itself.
    """
    known = services()
    read = partial(_read, known, path.job_id, tenant())
    view = read()
    if view is None:
        raise not_found("job")
    moment = moment_of(view)
    heard = header.last_event_id or ""
    if moment.is_last and heard == event_stream.last_name(moment):
        return Response(status=204)
    if request.method == "HEAD":  # whose body is never begun, and so never closed
        return Response(mimetype=event_stream.MEDIA_TYPE, headers=event_stream.HEADERS)
    listener = known.listeners.add(moment, tenant())
    body = event_stream.stream(known.settings, listener, heard, read)
    response = Response(body, mimetype=event_stream.MEDIA_TYPE, headers=event_stream.HEADERS)
    # Not at the end of the generator: one that is closed before its first event never runs.
    response.call_on_close(partial(known.listeners.remove, listener))
    return response


def _read(known: Services, job_id: str, owner: str) -> JobView | None:
    with known.transaction() as connection:
        return read_job(connection, job_id, tenant=owner)
