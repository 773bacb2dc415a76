"""What the examples in the document share, so that they tell one story: a file of sales is imported and reported on."""

from typing import Any

DATASET = "01a2043c-792c-74cf-ab05-f47cb38a2f85"
"""Also the job that imported it: the two have one id."""

FILE = "4025ae1d-ac16-4a39-a99e-2a14a6b82788"
REPORT = "01a2043f-5c1e-7b02-9d4b-3f1f0a4e9a10"
REPORT_FILE = "9b2f6c1d-8a0e-4f5b-b1c7-2d5e8f3a6c40"
ACTIONS = "01a20441-0b7d-7f3e-8a21-6c9d1e5b4f70"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
REQUEST = "7d0c4b6f1f0a4e9a8c5d2e7b9a3f6c10"

ACCEPTED_AT = "2026-06-01T08:00:00.120000Z"
STARTED_AT = "2026-06-01T08:00:00.190000Z"
ENDED_AT = "2026-06-01T08:00:00.260000Z"

CURSOR = "WyIyMDI2LTA2LTAxVDA4OjAwOjAwLjEyMDAwMCswMDowMCIsICIwMWEyMDQzYyJd"
"""Clients read nothing in one, and neither should readers."""

COLUMNS = [
    {"name": "month", "type": "text", "missing": 0},
    {"name": "amount", "type": "integer", "missing": 3},
]

_JOB = {
    "id": DATASET,
    "task": "dataset.import_file",
    "queue": "dataset",
    "priority": "normal",
    "state": "succeeded",
    "attempt": 1,
    "attempts": 3,
    "cancel_requested": False,
    "progress": {"done": 2000, "total": None, "unit": "rows"},
    "result": {
        "dataset_id": DATASET,
        "format": "csv",
        "encoding": "utf-8",
        "rows": 2000,
        "columns": COLUMNS,
        "chunks": 0,
    },
    "error": None,
    "request_id": REQUEST,
    "not_before": None,
    "deadline": None,
    "created_at": ACCEPTED_AT,
    "started_at": STARTED_AT,
    "finished_at": ENDED_AT,
}
_FILES = [
    {"file_id": REPORT_FILE, "name": "Sales of May.pdf", "media_type": "application/pdf", "bytes": 111_204},
]
_UNFINISHED: dict[str, Any] = {"result": None, "finished_at": None}
_NOT_STARTED: dict[str, Any] = {"attempt": 0, "progress": None, "started_at": None}

JOBS: dict[str, dict[str, Any]] = {
    "running": _JOB | _UNFINISHED | {"state": "running", "progress": {"done": 500, "total": None, "unit": "rows"}},
    "succeeded": _JOB,
    "failed": _JOB
    | {
        "state": "failed",
        "progress": None,
        "result": None,
        "error": {"code": "empty_file", "message": "sales.csv is empty: its first row must name the columns"},
    },
    "cancelled": _JOB
    | _NOT_STARTED
    | {
        "state": "cancelled",
        "result": None,
        "error": {"code": "cancelled", "message": "cancelled before it was started"},
    },
    "a_report": _JOB
    | {"id": REPORT, "task": "generation.report", "queue": "generation", "progress": None}
    | {"result": {"dataset_id": DATASET, "files": _FILES}},
    "waiting_again": _JOB | _UNFINISHED | _NOT_STARTED | {"state": "accepted"},
}
"""Jobs at different times. Keys are the names of the examples."""

DEAD_JOB: dict[str, Any] = {
    "id": REPORT,
    "kind": "job",
    "queue": "generation",
    "task": "generation.report",
    "reason": "worker_lost",
    "error": "its worker stopped answering on every attempt",
    "deliveries": 3,
    "died_at": ENDED_AT,
    "priority": "normal",
    "payload_bytes": 1200,
    "losses": 3,
}
DEAD_MESSAGE: dict[str, Any] = DEAD_JOB | {
    "id": "penstock:01a2043e-3b7d-7f3e-8a21-6c9d1e5b4f70:17",
    "kind": "message",
    "queue": "mail",
    "task": "mail.greet",
    "reason": "worker_lost",
    "error": "every process that ran it died",
    "losses": None,
}

DETAILS = {
    "bad_request": "the body's chunks are broken",
    "malformed_json": "expecting value at line 1, column 12",
    "malformed_form": "the body is not multipart/form-data",
    "link_invalid": "the link has no token",
    "unauthorized": "this key is unknown, expired or revoked",
    "forbidden": "this key lacks the scope write; use one that was made with --scope write",
    "not_found": "there is no such job",
    "method_not_allowed": "see the Allow header for what is possible here",
    "request_timeout": "the body did not arrive in time",
    "idempotency_key_reused": "this Idempotency-Key was used before with another body",
    "not_retryable": "the job is running; only failed, dead, cancelled jobs can start over",
    "pause_unsupported": "RabbitMQ carries the messages, and gives them out as they come",
    "link_expired": "the link has expired",
    "too_large": "the body must not be larger than 2097152 bytes",
    "uri_too_long": "this is no HTTP request that the API understands",
    "unsupported_media_type": "send a body of Content-Type: application/json",
    "invalid": "query.limit: must be at most 200",
    "too_many_requests": "more than 6000/minute requests with this key; wait 3 s before the next one",
    "headers_too_large": "this is no HTTP request that the API understands",
    "precondition_failed": "If-Match names another file than this one",
    "range_not_satisfiable": "Range must be such as bytes=0-999 or bytes=-500, and begin within the file's 26 bytes",
    "internal_error": "this is a bug; tell the operators of this API the request_id",
    "unavailable": "PostgreSQL does not answer",
    "storage_unavailable": "object storage did not take the file",
}
"""Of each problem, by its code, what its `detail` may say."""
