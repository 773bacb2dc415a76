"""The type of each column: the narrowest that all its values have, found while the rows stream by.

A cell without characters is missing and has no type. All else counts as it stands, blanks included:

- integer: at most 18 digits (so it fits 64 bits), no plus sign, no leading zero: `007` and `+49` are text
- number: an integer, or one with a decimal point or an exponent (at most two digits); no thousands
  separators, no NaN, no infinity
- boolean: true or false, in one of three spellings (true, True, TRUE)
- date: YYYY-MM-DD, a day that exists
- datetime: a date, or one with a time of ISO 8601 (`T` or a blank between, with or without an offset)
- text: anything else; empty: no value at all

Python's int(), float(), date.fromisoformat() and datetime.fromisoformat() read every value of their type.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime

from penstock_contracts.dataset import Column, ColumnType

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})").fullmatch
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?").fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
).fullmatch
_BOOLEANS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})


def _exist(parse: Callable[[str], object], cells: Iterable[str]) -> bool:
    try:
        for cell in cells:
            parse(cell)
    except ValueError:
        return False
    return True


_HAVE: dict[ColumnType, Callable[[Sequence[str]], bool]] = {
    "integer": lambda cells: all(map(_INTEGER, cells)),
    "number": lambda cells: all(map(_NUMBER, cells)),
    "boolean": lambda cells: _BOOLEANS.issuperset(cells),
    "date": lambda cells: all(map(_DATE, cells)) and _exist(date.fromisoformat, cells),
    "datetime": lambda cells: all(map(_DATETIME, cells)) and _exist(datetime.fromisoformat, cells),
    "text": lambda _cells: True,
}
"""Whether all cells have a type, narrow ones first."""

_WIDER: dict[ColumnType, ColumnType] = {
    "integer": "number",
    "number": "text",
    "boolean": "text",
    "date": "datetime",
    "datetime": "text",
}
"""The type that has all values of another and more. A column is only widened: a cell is tried about once."""


class ColumnTypes:
    """Sees the rows batch by batch and knows each column's type so far."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._types: list[ColumnType] = ["empty"] * len(names)
        self._missing = [0] * len(names)

    def see(self, rows: Iterable[Sequence[str]]) -> None:
        """Take some rows into account, each with a cell for every column."""
        for index, cells in enumerate(zip(*rows, strict=True)):
            missing = cells.count("")
            self._missing[index] += missing
            if missing < len(cells) and self._types[index] != "text":
                present = list(filter(None, cells)) if missing else cells
                self._types[index] = _widened(self._types[index], present)

    def columns(self) -> list[Column]:
        """The columns as they are known now."""
        found = zip(self._names, self._types, self._missing, strict=True)
        return [Column(name=name, type=kind, missing=missing) for name, kind, missing in found]


def _widened(kind: ColumnType, cells: Sequence[str]) -> ColumnType:
    if kind == "empty":
        kind = next(narrow for narrow, have in _HAVE.items() if have(cells[:1]))
    while not _HAVE[kind](cells):
        kind = _WIDER[kind]
    return kind
