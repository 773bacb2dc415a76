"""What the OpenAPI document says, and the page that shows it without asking any other host."""

import json
from importlib.resources import files
from typing import Any, cast

from flask import Blueprint, Response, make_response, render_template, request
from flask_openapi3.models.info import Info
from flask_openapi3.models.security_scheme import SecurityScheme
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel

from penstock_api.openapi import CHALLENGE, CONTENT_RANGE, RETRY_AFTER, header, problem_examples, reference
from penstock_api.openapi_document import complete
from penstock_api.problems import MEDIA_TYPE, PROBLEMS, ProblemDocument
from penstock_api.rates import count_address
from penstock_api.settings import ApiSettings

SCHEME = "bearer"
"""The name of the security scheme."""

INFO = Info(
    title="Penstock",
    version="1",
    description=(
        "A POST that starts work answers 202 with the address of its job: from then on the job will be finished, or "
        "lie in the dead letters with its reason, whatever dies in between. Errors are problem documents (RFC 9457) "
        "with a stable `code`. Every answer carries `X-Request-Id`."
    ),
)
SECURITY: dict[str, SecurityScheme | dict[str, Any]] = {
    SCHEME: SecurityScheme(type="http", scheme="bearer", description="A key: `penstock keys create`")
}

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

ANYWHERE = ("bad_request", "uri_too_long", "invalid", "headers_too_large", "internal_error")
"""Problems that any route can answer with."""

Responses = dict[int, type[BaseModel] | dict[str, Any] | None]


def problems(*codes: str) -> Responses:
    """The answers of a route that are problem documents, by status."""
    found: dict[int, dict[str, Any]] = {}
    for code in (*ANYWHERE, *codes):
        status, title = PROBLEMS[code]
        said = f"`{code}`: {title}"
        if status in found:
            found[status]["description"] += f"; {said}"
            found[status]["content"][MEDIA_TYPE]["examples"] |= problem_examples([code])
            continue
        content = {MEDIA_TYPE: {"schema": _PROBLEM, "examples": problem_examples([code])}}
        found[status] = {"description": said, "content": content}
        if status in _HEADERS:
            found[status]["headers"] = {_HEADERS[status]: header(_HEADERS[status])}
    return dict(sorted(found.items()))


def problems_with_key(*codes: str) -> Responses:
    """As `problems`, for a route that needs a key."""
    return problems("unauthorized", "forbidden", "too_many_requests", "unavailable", *codes)


def problems_with_body(*codes: str) -> Responses:
    """As `problems_with_key`, for a route that takes a JSON body and starts a job."""
    return problems_with_key(*BODY, "idempotency_key_reused", *codes)


BODY = ("malformed_json", "request_timeout", "too_large", "unsupported_media_type")
"""Problems of a JSON body."""

_PROBLEM = reference(ProblemDocument.__name__)
_HEADERS = {401: CHALLENGE, 416: CONTENT_RANGE, 429: RETRY_AFTER, 503: RETRY_AFTER}

_assets = Blueprint(
    "documentation",
    __name__,
    static_folder=str(files("flask_openapi3_swagger") / "templates" / "swagger"),
    static_url_path="/docs/assets",
)
_assets.before_request(count_address)


@_assets.get("/docs")
def page() -> Response:
    """The specification for people."""
    response = make_response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def install(app: OpenAPI, settings: ApiSettings, schemas: dict[str, Any]) -> None:
    """Serve the document at /openapi.json and its page at /docs. To be called when all routes are known.

    schemas: by name, what flask-openapi3 does not find.
    """
    document = app.api_doc
    complete(document, settings, schemas)
    text = json.dumps(document, ensure_ascii=False)

    def show() -> Response:
        response = Response(text, mimetype="application/json", headers={"Cache-Control": "no-cache"})
        response.add_etag()
        return cast(Response, response.make_conditional(request))

    app.add_url_rule("/openapi.json", "openapi", show)
    app.register_blueprint(_assets)
