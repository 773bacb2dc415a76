"""What is given to `penstock jobs submit`: JSON, lines of it, and times. What cannot be read is told with its place."""

import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, NoReturn

import typer

MOST_BYTES = 64 * 1024 * 1024
"""Of one payload or line. The API takes 2 MiB, or what its operator sets, which cannot be more than this."""

STDIN = "-"
ARGUMENT = "PAYLOAD"
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_SPAN = re.compile(r"(\d{1,9})([smhd])", re.ASCII)


@dataclass(frozen=True)
class Line:
    """One line of a file, counted from 1, and the JSON object on it."""

    number: int
    found: dict[str, Any]
    bytes: int


def read_payload(given: str) -> dict[str, Any]:
    """The JSON object that was given, or that is in `@file`, or on standard input (`-`).

    Raises typer.BadParameter, as everything here does.
    """
    if given not in (STDIN, "@-") and not given.startswith("@"):
        return read_object(given, ARGUMENT)
    name = given.removeprefix("@")
    with opened(name) as file:
        text = file.read(MOST_BYTES + 1)
    return read_object(_decoded(text, _called(name)), _called(name))


def read_lines(name: str) -> Iterator[Line]:
    """The objects in a file of JSON lines, one after the other. Empty lines are passed over."""
    with opened(name) as file:
        number = 0
        while raw := file.readline(MOST_BYTES + 1):
            number += 1
            place = f"{_called(name)}, line {number}"
            if text := _decoded(raw, place).strip():
                yield Line(number, read_object(text, place), len(raw))


def read_object(text: str, place: str) -> dict[str, Any]:
    """A JSON object. What two readers could understand in two ways is refused here: the API would not see it."""
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite)
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        at = f"column {error.colno}" if "\n" not in text else f"line {error.lineno}, column {error.colno}"
        raise typer.BadParameter(
            f"{place} is not valid JSON: {error.msg.lower()} at {at}{_hint(text, place)}"
        ) from None
    except _Ambiguous as error:
        raise typer.BadParameter(f"{place} is not valid JSON: {error}") from None
    except RecursionError:
        raise typer.BadParameter(f"{place}: lists and objects are nested too deep") from None
    except UnicodeEncodeError:
        raise typer.BadParameter(f"{place} holds half of a surrogate pair") from None
    except ValueError:  # int() refuses more digits than sys.get_int_max_str_digits()
        raise typer.BadParameter(f"{place}: a number has too many digits") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{place} must be a JSON object, such as {{}}{_hint(text, place)}")
    return found


def read_time(given: str | None) -> str | None:
    """A time (ISO 8601; here where it names no offset), or a span from now such as 90s, 10m, 2h, 1d, as ISO 8601."""
    if given is None:
        return None
    try:
        if span := _SPAN.fullmatch(given):
            return (datetime.now(UTC) + timedelta(**{UNITS[span[2]]: int(span[1])})).isoformat()
        return datetime.fromisoformat(given).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{given[:40]!r} is no time: write 2026-05-01T22:00:00+08:00, or a span from now such as 90s, 10m, 2h, 1d"
        ) from None


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """The file, or standard input for `-`."""
    if name == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115  # only what opening raises is told here
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{name} cannot be read: {getattr(error, 'strerror', '') or 'no such name'}") from None
    with file:
        yield file


def _decoded(raw: bytes, place: str) -> str:
    if len(raw) > MOST_BYTES:
        raise typer.BadParameter(f"{place} is larger than {MOST_BYTES:,} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{place}: byte {error.start} is not UTF-8") from None


def _called(name: str) -> str:
    return "standard input" if name == STDIN else name


def _hint(text: str, place: str) -> str:
    return "; a file's name begins with @" if place == ARGUMENT and not text.lstrip().startswith("{") else ""


class _Ambiguous(ValueError):
    """JSON that Python would take, and change."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Ambiguous(f"the name {name[:40]!r} stands twice in one object")
        found[name] = value
    return found


def _constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} is no value of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Ambiguous("a number is too large")
    return number
