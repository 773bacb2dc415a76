"""Cursors: where the next page begins, opaque to clients. They grant nothing: each page is confined to its tenant."""

import base64
import binascii
import json
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from penstock_api.problems import Problem, invalid

LONGEST = 600
"""Characters; the longest one holds a time and a job id of 255 characters."""

LARGEST = 2**63 - 1


def write_cursor(*position: Any) -> str:
    """The cursor of a position: a number, or a time and an id, or two of these."""
    return base64.urlsafe_b64encode(json.dumps(position, default=str).encode()).decode().rstrip("=")


def read_number(cursor: str | None) -> int | None:
    """The number in a cursor. Raises Problem (invalid), as do all of these."""
    return None if cursor is None else _number(_read(cursor, 1)[0])


def read_time_and_number(cursor: str | None) -> tuple[datetime, int] | None:
    """The time and the number in a cursor."""
    if cursor is None:
        return None
    time, number = _read(cursor, 2)
    return _time(time), _number(number)


def read_time_and_text(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and the id in a cursor."""
    if cursor is None:
        return None
    time, text = _read(cursor, 2)
    if not isinstance(text, str) or not text.isprintable():
        raise _forged()
    return _time(time), text


def read_time_text_and_score_text(
    cursor: str | None,
) -> tuple[tuple[datetime, str] | None, tuple[float, str] | None]:
    """The places in two lists that are shown as one: time and id, score and id. None: at the beginning of that list."""
    if cursor is None:
        return None, None
    time, text, score, name = _read(cursor, 4)
    if not all(part is None or (isinstance(part, str) and part.isprintable()) for part in (text, name)):
        raise _forged()
    first = None if text is None else (_time(time), text)
    return first, None if name is None else (_score(score), name)


def read_time_and_uuid(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The time and the UUID in a cursor."""
    found = read_time_and_text(cursor)
    try:
        return (found[0], UUID(found[1])) if found else None
    except ValueError:
        raise _forged() from None


def _read(cursor: str, length: int) -> list[Any]:
    try:
        position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _forged() from None
    if not isinstance(position, list) or len(position) != length:
        raise _forged()
    return position


def _number(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise _forged()
    return value


def _score(value: Any) -> float:
    try:
        if not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise _forged()


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise _forged()
        return time.astimezone(UTC)  # PostgreSQL takes offsets of less than 16 hours only
    except (TypeError, ValueError, OverflowError):
        raise _forged() from None


def _forged() -> Problem:
    return invalid("query.cursor", "is none that a page has given")
