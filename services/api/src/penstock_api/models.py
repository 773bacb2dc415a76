"""What several routes take and answer."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

from flask import Response
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from penstock_api.cursors import LONGEST
from penstock_api.problems import invalid
from penstock_api.services import services

LONGEST_KEY = 255
"""Characters of an Idempotency-Key."""

State = Annotated[
    Literal["accepted", "queued", "running", "succeeded", "failed", "cancelled", "dead"],
    Field(description="failed: it can never be done; dead: out of attempts, or a fault that somebody must look at"),
]
"""The states of a job."""

NextCursor = Annotated[str | None, Field(description="for the next page; null: this is the last one")]
"""Stands on each page of a list."""

ALWAYS_TOLD = ConfigDict(json_schema_serialization_defaults_required=True)
"""Of a model that is answered: what has a default is told all the same."""

Count = Annotated[int, Field(ge=0)]
"""How many of something an answer tells."""

_ANY_TIME = TypeAdapter(datetime)


def _read_time(value: Any) -> datetime:
    # pydantic would also take a number, of seconds or of milliseconds by its size. It is asked here, because behind a
    # validator a strict model no longer knows that the text came as JSON, and refuses it.
    try:
        if re.match(r"\d{4}-\d\d-\d\d[T ]", str(value), re.ASCII | re.IGNORECASE):
            time = _ANY_TIME.validate_python(value)
            # PostgreSQL takes offsets of less than 16 hours, Python those of less than 24; and what lies before the
            # year 1 in UTC can be stored, but not be read again.
            return time.astimezone(UTC) if time.tzinfo else time
    except (ValidationError, OverflowError):
        pass
    raise ValueError("must be a date and a time (ISO 8601)")


TIME = "ISO 8601 with its offset from UTC, where an address writes + as %2B"

Time = Annotated[AwareDatetime, BeforeValidator(_read_time)]


class Parameters(BaseModel):
    """Headers or a query, read by flask-openapi3, which looks at their schema in each request: it is made once here."""

    @classmethod
    @cache
    def model_json_schema(cls, *how: Any, **more: Any) -> dict[str, Any]:  # type: ignore[override]  # as it is, but kept
        """As pydantic's. Not to be changed."""
        return super().model_json_schema(*how, **more)


class PostHeaders(Parameters):
    """Headers of every POST."""

    idempotency_key: Annotated[
        str | None,
        Field(
            alias="Idempotency-Key",
            min_length=1,
            max_length=LONGEST_KEY,
            pattern=r"^[\x20-\x7e]+$",
            description="A repeat with the same key and body gets the first job; another body with it gets 409.",
            json_schema_extra={"example": "sales-2026-05"},
        ),
    ] = None


class NoQuery(Parameters):
    """No parameters. One that is not known is an error, since it would not do what its sender thinks."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(NoQuery):
    """Which page of a list."""

    limit: Annotated[int | None, Field(ge=1, description="items on the page", json_schema_extra={"example": 20})] = None
    cursor: Annotated[
        str | None,
        Field(
            max_length=LONGEST,
            pattern="^[A-Za-z0-9_-]+$",
            description="`next_cursor` of the page before; else the first",
        ),
    ] = None

    def size(self) -> int:
        """Items on the page. Raises Problem (invalid) above the bound."""
        settings = services().settings
        if self.limit is not None and self.limit > settings.api_page_most:
            raise invalid("query.limit", f"must be at most {settings.api_page_most}")
        return self.limit or settings.api_page


def one_of(known: Iterable[str]) -> Any:
    """The type of a parameter that names one of these."""
    names = list(known)

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return name

    return Annotated[str, AfterValidator(check), WithJsonSchema({"type": "string", "enum": names})]


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The model as JSON."""
    return Response(model.model_dump_json(), status, headers, mimetype="application/json")
