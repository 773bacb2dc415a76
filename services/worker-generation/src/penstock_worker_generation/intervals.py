"""Where the bars of a histogram begin and end: at round numbers, and at the calendar's own steps."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Steps that people read easily, times a power of ten (after Heckbert, "Nice numbers for graph labels", 1990)."""

UNITS = (
    ("minute", timedelta(minutes=1)),
    ("hour", timedelta(hours=1)),
    ("day", timedelta(days=1)),
    ("week", timedelta(weeks=1)),
    ("month", timedelta(days=28)),
    ("quarter", timedelta(days=90)),
    ("year", timedelta(days=365)),
    ("decade", timedelta(days=3652)),
    ("century", timedelta(days=36524)),
)
"""PostgreSQL's units of date_trunc, each with the shortest time it may last."""

LONGEST_UNIT = "millennium"


@dataclass(frozen=True)
class Intervals:
    """`count` intervals of equal width `step` beginning at `low`.

    Each holds its lower bound and not its upper one, but the last one holds both.
    centred: each holds one whole number, in its middle.
    """

    low: float
    step: float
    count: int
    centred: bool = False

    @property
    def high(self) -> float:
        """Where the last interval ends."""
        return self.low + self.step * self.count


def round_intervals(smallest: float, largest: float, most: int, *, whole: bool) -> Intervals:
    """At most `most` (at least 2) intervals that hold all values between two finite ones.

    whole: the values are integers; intervals of width 1 have them in their middle.
    """
    step = _round_up((largest - smallest) / most)
    intervals = _at_multiples(smallest, largest, step, whole=whole)
    while intervals.count > most or (whole and step % 1):
        step = _round_up(step * 1.01)
        intervals = _at_multiples(smallest, largest, step, whole=whole)
    if intervals.low + step / 2 == intervals.low:
        # The values differ by less than a float of their size can tell in steps.
        return Intervals(smallest, max(largest - smallest, abs(smallest), 1.0), 1)
    if whole and step == 1.0:
        return Intervals(intervals.low - 0.5, step, intervals.count, centred=True)
    return intervals


def _at_multiples(smallest: float, largest: float, step: float, *, whole: bool) -> Intervals:
    first = math.floor(smallest / step)
    # Whole numbers at the upper bound get an interval of their own, or the last one would hold one number more.
    last = math.floor(largest / step) if whole else max(first, math.ceil(largest / step) - 1)
    return Intervals(first * step, step, last - first + 1)


def _round_up(width: float) -> float:
    """The smallest round step that is not below `width`; 1 for no width at all."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next((step * power for step in ROUND if step * power >= width), 10 * power)


def calendar_unit(earliest: datetime, latest: datetime, most: int) -> str:
    """The smallest unit of which at most `most` (at least 2) lie between two times, both counted."""
    for unit, shortest in UNITS:
        if (latest - earliest) // shortest + 2 <= most:
            return unit
    return LONGEST_UNIT
