"""The OpenAPI document made complete: what all answers have in common, our bounds, the problems, and webhooks."""

import json
from typing import Any

from penstock_api.examples import DETAILS, JOBS, REPORT, REQUEST, SHA256
from penstock_api.openapi import (
    ACCEPT_RANGES,
    CHALLENGE,
    CONTENT_RANGE,
    ETAG,
    LOCATION,
    REQUEST_ID,
    RETRY_AFTER,
    header,
    named,
    reference,
    schemas_of,
)
from penstock_api.problems import MEDIA_TYPE, PROBLEMS, FieldError, Problem, document
from penstock_api.settings import ApiSettings
from penstock_contracts.notice import EndedJob, Notice
from penstock_contracts.tasks import STARTABLE

_SAID_OF_HEADERS: dict[str, tuple[str, dict[str, Any], Any]] = {
    REQUEST_ID: ("the request's own one where it was short and plain, else a new one", {"type": "string"}, REQUEST),
    RETRY_AFTER: ("seconds after which to try again", {"type": "integer", "minimum": 0}, 5),
    CHALLENGE: ("what kind of key is asked for (RFC 6750)", {"type": "string"}, 'Bearer realm="penstock"'),
    ETAG: ("of the content, strong", {"type": "string"}, f'"{SHA256}"'),
    ACCEPT_RANGES: ("what ranges are counted in", {"const": "bytes"}, "bytes"),
    CONTENT_RANGE: ("the part of the file, or where none was given its size", {"type": "string"}, "bytes 0-999/5000"),
    LOCATION: ("where the job is", {"type": "string", "format": "uri-reference"}, f"/v1/jobs/{REPORT}"),
}
_HEADERS = {
    name: {"description": description, "required": True, "schema": schema, "example": example}
    for name, (description, schema, example) in _SAID_OF_HEADERS.items()
}
_WEBHOOK_HEADERS = {
    "webhook-id": ("of this end of the job, the same for each attempt", "msg_01a2043c792c74cfab05f47cb38a2f85"),
    "webhook-timestamp": ("of this attempt, in Unix seconds", "1780300801"),
    "webhook-signature": ("v1, and the base64 of an HMAC-SHA256", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
}


def complete(made: dict[str, Any], settings: ApiSettings, schemas: dict[str, Any]) -> None:
    """Add to the document that flask-openapi3 has made what it cannot know; `schemas` by name."""
    components = made["components"]
    components["schemas"] |= schemas | schemas_of(Notice, *(task.result for task in STARTABLE))
    components["headers"] = _HEADERS
    components["examples"] = {code: _example_of(code) for code in PROBLEMS}
    components["responses"] = {}
    for schema in components["schemas"].values():
        for field in schema.get("properties", {}).values():
            field.pop("title", None)  # pydantic's, of the name
    for path in made["paths"].values():
        for operation in path.values():
            _complete_operation(operation, components, settings)
    made["webhooks"] = {"job_ended": {"post": _webhook()}}


def _complete_operation(operation: dict[str, Any], components: dict[str, Any], settings: ApiSettings) -> None:
    if "description" in operation:
        operation["description"] = operation["description"].replace("<br/>", "\n").strip()
    for parameter in operation.get("parameters", []):
        _complete_parameter(parameter, settings)
    for status, answer in operation["responses"].items():
        answer.setdefault("headers", {})[REQUEST_ID] = header(REQUEST_ID)
        content = answer.get("content", {})
        if MEDIA_TYPE in content:
            name = ".".join(content[MEDIA_TYPE]["examples"])
            components["responses"][name] = answer
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
        elif "application/json" in content:
            schema = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
            answer["description"] = components["schemas"][schema]["description"]


def _complete_parameter(parameter: dict[str, Any], settings: ApiSettings) -> None:
    """A parameter that may be left out is never null; and what the schema says of it the parameter says already."""
    schema = parameter["schema"]
    if "anyOf" in schema:
        schema |= next(kind for kind in schema.pop("anyOf") if kind.get("type") != "null")
        schema.pop("default", None)
    for said in ("title", "description", "example"):
        schema.pop(said, None)
    if parameter["name"] == "limit":
        schema |= {"minimum": 1, "maximum": settings.api_page_most, "default": settings.api_page}


def _example_of(code: str) -> dict[str, Any]:
    detail = DETAILS[code]
    place, _, message = detail.partition(": ")
    errors = [FieldError(location=place, message=message)] if code == "invalid" else None
    problem = Problem(code, detail, errors=errors)
    return {"summary": problem.title, "value": json.loads(document(problem, REQUEST))}


def _webhook() -> dict[str, Any]:
    told = {name: JOBS["succeeded"][name] for name in EndedJob.model_fields}
    notice = {"type": "job.succeeded", "timestamp": told["finished_at"], "job": told}
    parameters = [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": description,
            "schema": {"type": "string"},
            "example": example,
        }
        for name, (description, example) in _WEBHOOK_HEADERS.items()
    ]
    content = {"schema": reference(Notice.__name__), "examples": named({"success": notice})}
    return {
        "operationId": "job_ended",
        "summary": "A job has ended",
        "description": "Sent to the `webhook` of a job, as Standard Webhooks describes it, until it is taken.",
        "tags": ["jobs"],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"2XX": {"description": "It was taken."}, "410": {"description": "It is not to be sent again."}},
    }
