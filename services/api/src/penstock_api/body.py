"""JSON bodies, read strictly: what two parsers could understand in two ways is refused."""

import json
from typing import Any, NoReturn

from pydantic import BaseModel

from penstock_api.problems import Problem


class JsonBody(BaseModel):
    """Mixed into a payload that comes as a body: JSON's types are taken as they are, so "5" is no number."""

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> "JsonBody":
        """As pydantic's, but strict, also in the models within."""
        return super().model_validate_json(json_data, **{**options, "strict": True})


def strict_object(raw: bytes, *, depth: int) -> str:
    """The text of a body that is one JSON object, at most `depth` lists and objects deep.

    Refused with a Problem: what is not UTF-8 or not RFC 8259 (NaN, Infinity, trailing text, a byte order mark), names
    that stand twice in an object, numbers beyond a double or of thousands of digits, and text that PostgreSQL cannot
    keep (U+0000, half a surrogate pair).
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} is not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _too_deep(depth) from None
    except ValueError:  # int() refuses more digits than sys.get_int_max_str_digits()
        raise _malformed("a number has too many digits") from None
    if not isinstance(value, dict):
        raise _malformed("it must be an object")
    # What is to be looked for can only stand in a text with escapes, or with so many opening brackets.
    if "\\u" in text or text.count("{") + text.count("[") > depth:
        _check(value, depth)
    return text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("a name stands twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _malformed("a number is too large")
    return number


def _check(value: Any, depth: int) -> None:
    # A stack instead of recursion: the depth is the client's choice until it is known here.
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, level = waiting.pop()
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict | list):
            if level > depth:
                raise _too_deep(depth)
            if isinstance(item, dict):
                waiting.extend((name, level) for name in item)
                item = item.values()
            waiting.extend((inner, level + 1) for inner in item if isinstance(inner, str | dict | list))


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise _malformed("text must not contain the NUL character (U+0000)")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _malformed("text must not contain half of a surrogate pair")


def _too_deep(depth: int) -> Problem:
    return _malformed(f"lists and objects must not be nested deeper than {depth}")


def _malformed(detail: str) -> Problem:
    return Problem("malformed_json", detail)
