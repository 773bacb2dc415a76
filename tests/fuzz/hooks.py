"""What schemathesis is told of this API that no schema can say. It is loaded into schemathesis's own environment."""

import copy
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

NOBODY = "http://127.0.0.1:9"
"""A webhook that is refused at once, on this machine: nothing that is made up here may be called elsewhere."""

LONGEST_URL = 2000

UNTOLD = [
    (r"query\.cursor", r"is none that a page has given", "what stands in a cursor is not the client's to know"),
    (r"body\..*not_before|body\..*deadline", r"days ahead|after not_before", "a schema cannot compare times"),
    (r"body\..*\.at", r"should be (greater|less) than or equal to", "a schema cannot compare times"),
    (r"body\..*\.detail", r"must not nest deeper", "a schema cannot count levels"),
    (r"body\.(.*\.)?webhook", r".*", "which hosts may be called is the operator's to say"),
    (r"body\.email", r"is not a mail address", "which domains can have mail is not in the format"),
]
"""Valid by the schema and rightly refused all the same: where, with which words, and why no schema can tell."""

NOW = datetime.now(UTC)

_texts = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
_near = st.datetimes(
    (NOW - timedelta(days=400)).replace(tzinfo=None),
    (NOW + timedelta(days=300)).replace(tzinfo=None),
    timezones=st.sampled_from([UTC]),
)
_any = st.datetimes(timezones=st.sampled_from([UTC]))

schemathesis.openapi.format("uri", st.builds(f"{NOBODY}/{{}}".format, _texts))
schemathesis.openapi.format("email", st.builds("{}@example.com".format, _texts))
schemathesis.openapi.format("date-time", st.one_of(_near, _near, _near, _any).map(datetime.isoformat))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Let webhooks lead nowhere, where the API would accept them."""
    body = case.body
    if isinstance(body, dict):
        jobs = body.get("jobs") if isinstance(body.get("jobs"), list) else [body]
        if any(isinstance(job, dict) and _leads_away(job.get("webhook")) for job in jobs):
            case.body = copy.deepcopy(body)
            for job in case.body.get("jobs", [case.body]):
                if isinstance(job, dict) and _leads_away(job.get("webhook")):
                    job["webhook"] = f"{NOBODY}/instead"


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Leave out what is no failure: see `_fits_after_all` and UNTOLD."""
    if isinstance(failure, AcceptedNegativeData):
        return not _fits_after_all(failure, case)
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    if problem["code"] == "malformed_json":
        return "NUL" not in problem["detail"]  # PostgreSQL keeps none; a schema would have to say so of every text
    errors = problem.get("errors", [])
    return not errors or not all(_is_untold(error) for error in errors)


def _fits_after_all(failure: Any, case: Any) -> bool:
    """Whether a form's field, meant to be unlike its schema, is like it as it is sent.

    All fields of a form are sent as text, so a number is a name too; and what is meant to be unlike a pattern is made
    by appending an asterisk, which a pattern may allow. Of JSON both are looked at again, of a form they are not.
    """
    meant = re.search(r"Invalid component: in body - violates `(?:pattern|type)` at /properties/(\w+)", failure.message)
    if not meant or case.media_type != "multipart/form-data":
        return False
    form = case.operation.definition.raw["requestBody"]["content"][case.media_type]["schema"]
    value = case.body[meant[1]]
    sent = value if isinstance(value, str) else json.dumps(value)
    return bool(jsonschema_rs.is_valid(form["properties"][meant[1]], sent))


def _is_untold(error: dict[str, str]) -> bool:
    return any(
        re.fullmatch(place, error["location"]) and re.search(words, error["message"]) for place, words, _ in UNTOLD
    )


def _leads_away(webhook: Any) -> bool:
    if not isinstance(webhook, str) or len(webhook) > LONGEST_URL:
        return False
    try:
        address = urlsplit(webhook)
        return address.scheme in ("http", "https") and bool(address.hostname) and not webhook.startswith(NOBODY)
    except ValueError:
        return False
