"""How numbers, times and texts of a dataset are written in a report."""

import unicodedata
from datetime import datetime

NO_VALUE = "–"

_BLANK = "\u00a0"
"""A blank at which no line breaks."""


def figure(value: float) -> str:
    """A number for people: grouped thousands, two decimals from 1 on, four significant digits below, exact integers.

    >>> figure(1234567), figure(1234.5), figure(0.012345), figure(2e20)
    ('1,234,567', '1,234.5', '0.01235', '2e+20')
    """
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    if 1 <= abs(value) < 1e15:
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:.4g}"


def percent(part: int, whole: int) -> str:
    """A share with one decimal; what is neither nothing nor all is never written as 0 % or 100 %."""
    if whole == 0:
        return NO_VALUE
    share = 100 * part / whole
    if 0 < share < 0.1:
        return f"<{_BLANK}0.1{_BLANK}%"
    if 99.9 < share < 100:
        return f">{_BLANK}99.9{_BLANK}%"
    return f"{share:.1f}".removesuffix(".0") + f"{_BLANK}%"


def moment(time: datetime, *, day_only: bool) -> str:
    """A time of ISO 8601 to the second, or its day."""
    return f"{time:%Y-%m-%d}" if day_only else f"{time:%Y-%m-%d %H:%M:%S}"


def one_line(text: str, width: int) -> str:
    """A text of a file on one line of at most `width` columns, cut with an ellipsis.

    A wide character (汉) takes two columns. Control characters become blanks; those that would turn or hide what
    stands around them (bidirectional marks, zero-width ones) go.
    """
    visible = "".join(_visible(character) for character in text[: width * 4])
    line = " ".join(visible.split())
    used = 0
    for position, character in enumerate(line):
        used += _columns(character)
        if used > width or (used == width and position + 1 < len(line)):
            return line[:position].rstrip() + "…"
    return line


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs") else character


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
