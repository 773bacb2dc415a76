"""A job's changes as they happen."""

import json
from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from typing import Annotated, Any

from flask import Response, request
from pydantic import BaseModel, Field, create_model

from penstock_api import event_stream
from penstock_api.auth import tenant
from penstock_api.documentation import problems_with_key
from penstock_api.examples import JOBS
from penstock_api.models import NoQuery, Parameters
from penstock_api.openapi import named, reference, schemas_of
from penstock_api.problems import not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.routes.jobs import Job, JobPath
from penstock_api.services import Services, services
from penstock_runtime.ledger import JobView, read_job
from penstock_runtime.ledger.watch import Moment, moment_of

routes = with_key("job events", "What becomes of a job, as it happens")

LONGEST_ID = 255
"""Characters of an event's id; ours have fewer than 80."""


class EventHeaders(Parameters):
    """Where to go on."""

    last_event_id: Annotated[
        str | None,
        Field(
            alias="Last-Event-ID",
            max_length=LONGEST_ID,
            description="the id of the last event received",
            json_schema_extra={"example": "running-1-500"},
        ),
    ] = None


def _of_job(names: Iterable[str]) -> Any:
    """Fields of the model of a job, as create_model takes them."""
    known = Job.model_fields
    return {name: (known[name].annotation, known[name]) for name in names}


_TOLD = [field.name for field in fields(Moment)]
JobState: type[BaseModel] = create_model(
    "JobState", __doc__="What a job does at one moment: the data of an event `state`.", **_of_job(_TOLD)
)
JobEnd: type[BaseModel] = create_model(
    "JobEnd", __doc__="How a job ended: the data of an event `end`.", **_of_job([*_TOLD, "result", "error"])
)


def _event(kind: str, data: type[BaseModel]) -> dict[str, Any]:
    """The schema of one kind of event."""
    content = {"contentMediaType": "application/json", "contentSchema": reference(data.__name__)}
    properties = {
        "id": {"type": "string", "maxLength": LONGEST_ID, "description": "to be sent back as Last-Event-ID"},
        "event": {"const": kind},
        "data": {"type": "string"} | content,
    }
    return {"type": "object", "required": [*properties], "properties": properties}


SCHEMAS = schemas_of(JobState, JobEnd) | {"StateEvent": _event("state", JobState), "EndEvent": _event("end", JobEnd)}
"""Schemas of events and of the JSON in their text, which flask-openapi3 cannot make."""


def _example(kind: str, data: type[BaseModel], name: str, job: dict[str, Any]) -> dict[str, str]:
    return {"id": name, "event": kind, "data": json.dumps({field: job[field] for field in data.model_fields})}


_STREAM: dict[str, Any] = {
    "description": "Server-Sent Events. The schema and the examples are those of one event.",
    "content": {
        event_stream.MEDIA_TYPE: {
            "schema": {"oneOf": [reference("StateEvent"), reference("EndEvent")]},
            "examples": named(
                {
                    "a_change": _example("state", JobState, "running-1-500", JOBS["running"]),
                    "the_end": _example("end", JobEnd, "succeeded-1-2000-end", JOBS["succeeded"]),
                }
            ),
        }
    },
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
