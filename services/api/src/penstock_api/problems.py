"""Errors become RFC 9457 problem documents: one table, one exception, one handler."""

import structlog
from flask import Flask, Response, g
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException

from penstock_contracts.tasks import STARTABLE
from penstock_runtime.errors import Rejected, Retryable, Unavailable
from penstock_runtime.ledger import KeyReused, Unstorable

MEDIA_TYPE = "application/problem+json"

PROBLEMS = {
    "bad_request": (400, "The request cannot be understood"),
    "malformed_json": (400, "The body is not valid JSON"),
    "malformed_form": (400, "The body is not a valid form"),
    "link_invalid": (400, "The link is not valid"),
    "unauthorized": (401, "A valid key is needed"),
    "forbidden": (403, "The key does not allow this"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "The method is not possible here"),
    "request_timeout": (408, "The request took too long to arrive"),
    "idempotency_key_reused": (409, "The Idempotency-Key was used before with another body"),
    "not_retryable": (409, "The job is in no state from which it could start over"),
    "pause_unsupported": (409, "The broker cannot pause a queue"),
    "link_expired": (410, "The link has expired"),
    "precondition_failed": (412, "The file is not the one that was asked for"),
    "too_large": (413, "The request is too large"),
    "uri_too_long": (414, "The address is too long"),
    "unsupported_media_type": (415, "The body is of a wrong type"),
    "range_not_satisfiable": (416, "The file has no such part"),
    "invalid": (422, "The request is well-formed, but not valid"),
    "too_many_requests": (429, "Too many requests"),
    "headers_too_large": (431, "The headers are too large"),
    "internal_error": (500, "A bug of the API"),
    "unavailable": (503, "A server behind the API does not answer"),
    "storage_unavailable": (503, "Object storage does not answer"),
}
"""Each code with its status and title. The first one of a status is the general one."""

MOST_ERRORS = 20
"""How many of a body's errors are told: a thousand actions can hold thousands."""

RETRY_AFTER = 5
"""Seconds after which a request answered with 503 is worth repeating."""

_DETAILS = {
    400: "the request cannot be understood",
    404: "there is nothing at this address",
    405: "see the Allow header for what is possible here",
    413: "the body is larger than it may be",
}

_STARTABLE = [task.name for task in STARTABLE]

log = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """What is wrong with one value and where it stands; never the value itself."""

    location: str = Field(description="body, query, headers or path, and the way from there")
    message: str


class ProblemDocument(BaseModel):
    """An error (RFC 9457). `code` is stable and meant for programs, `detail` for people."""

    type: str = Field(description="the code as a URI", json_schema_extra={"format": "uri"})
    title: str = Field(description="what the code means")
    status: int = Field(description="the answer's own status", ge=400, le=599)
    detail: str = Field(description="what was wrong this time")
    code: str = Field(description="stable, for programs", json_schema_extra={"enum": list(PROBLEMS)})
    request_id: str = Field(description="under which the API has logged it")
    errors: list[FieldError] | None = Field(None, description=f"at most {MOST_ERRORS}, where values are wrong")


class Problem(Exception):
    """A request that is not answered as asked. `code` is one of PROBLEMS."""

    def __init__(
        self, code: str, detail: str, *, errors: list[FieldError] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.status, self.title = PROBLEMS[code]
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def not_found(what: str) -> Problem:
    """The answer for what does not exist, and just the same for what is another tenant's."""
    return Problem("not_found", f"there is no such {what}")


def invalid(location: str, message: str) -> Problem:
    """The answer for one wrong value."""
    return Problem("invalid", f"{location}: {message}", errors=[FieldError(location=location, message=message)])


def problem_of(error: Exception) -> Problem:
    """The problem that an exception stands for. What is none of ours is a bug: logged in full, told in general."""
    match error:
        case Problem():
            return error
        case ValidationError():
            return _from_validation(error)
        case KeyReused():
            return Problem("idempotency_key_reused", error.message)
        case Unstorable():
            return invalid("body", error.message)
        case Rejected():
            return Problem(error.code if error.code in PROBLEMS else "not_found", error.message)
        case Unavailable() | Retryable():
            code = error.code if error.code in PROBLEMS else "unavailable"
            return Problem(code, error.message, headers={"Retry-After": str(RETRY_AFTER)})
        case HTTPException(code=int(status)):
            return _from_http(status, error)
        case ParseException():
            return Problem("bad_request", "the body's chunks are broken")
    log.error("bug", exc_info=error)
    return Problem("internal_error", "this is a bug; tell the operators of this API the request_id")


def document(problem: Problem, request_id: str) -> str:
    """The problem as JSON."""
    return ProblemDocument(
        type=f"urn:penstock:problem:{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        request_id=request_id,
        errors=problem.errors,
    ).model_dump_json(exclude_none=True)


def respond(problem: Problem) -> Response:
    """The problem as an answer."""
    response = Response(document(problem, g.request_id), problem.status, mimetype=MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def install(app: Flask) -> None:
    """Make every error of the application's a problem document."""
    app.register_error_handler(Exception, lambda error: respond(problem_of(error)))


def _from_http(status: int, error: HTTPException) -> Problem:
    # Werkzeug's texts are about the web in general; its headers (Allow) are of this request.
    code = next((code for code, (known, _) in PROBLEMS.items() if known == status), "bad_request")
    headers = {name: value for name, value in error.get_headers() if name.lower() == "allow"}
    return Problem(code, _DETAILS.get(status, _DETAILS[400]), headers=headers)


def _from_validation(error: ValidationError) -> Problem:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    # Models are named after the place of what they describe: ReportBody, JobsQuery, PostHeaders.
    place = next((place for place in ("body", "query", "headers") if error.title.lower().endswith(place)), "path")
    errors = [
        FieldError(location=".".join([place, *_where(item)]), message=_what(item)) for item in found[:MOST_ERRORS]
    ]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return Problem("invalid", f"{errors[0].location}: {errors[0].message}{more}", errors=errors)


def _where(error: ErrorDetails) -> list[str]:
    # Among a body's jobs pydantic names the task as a step of the way, which it is not. An unknown field's name is the
    # client's text: told, but cut.
    steps = [str(part)[:100] for part in error["loc"] if part not in _STARTABLE]
    return [*steps, "task"] if error["type"].startswith("union_tag") else steps


def _what(error: ErrorDetails) -> str:
    if error["type"].startswith("union_tag"):  # pydantic would repeat the value
        return f"must be one of {', '.join(_STARTABLE)}"
    return error["msg"].removeprefix("Value error, ")
