"""Columns of dates and datetimes: from when to when, and how many lie where."""

from dataclasses import dataclass
from datetime import datetime

from penstock_worker_generation.cells import Cells, typed
from penstock_worker_generation.intervals import calendar_unit

# Years of which Python's datetime has the whole millennium, century and decade.
_KEPT = "v >= '1001-01-01' AND v < '9999-12-31T23:59:59'"
_RELATION = typed("timestamp with time zone", _KEPT)


@dataclass(frozen=True)
class Times:
    """What `count` cells hold, `distinct` different times among them, in UTC; one without an offset counts as UTC.

    counts: the beginning of each calendar unit in which there are any, and how many; in order.
    """

    count: int
    distinct: int
    earliest: datetime
    latest: datetime
    median: datetime
    unit: str
    counts: tuple[tuple[datetime, int], ...]


def read_times(cells: Cells, *, most_intervals: int) -> Times | None:
    """Describe a column of dates or datetimes, in two passes over it. None where no cell holds one.

    Cells that hold no time, or one outside the years 1001 to 9999, are left out.
    """
    [row] = cells.ask(f"""
        SELECT count(v) AS times, count(DISTINCT v) AS different,
               min(v) AT TIME ZONE 'UTC' AS earliest, max(v) AT TIME ZONE 'UTC' AS latest,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AT TIME ZONE 'UTC' AS median
        FROM {_RELATION}
    """)
    if not row.times:
        return None
    unit = calendar_unit(row.earliest, row.latest, most_intervals)
    counts = cells.ask(
        f"""
        SELECT date_trunc(:unit, v AT TIME ZONE 'UTC') AS start, count(*) AS values
        FROM {_RELATION} WHERE v IS NOT NULL GROUP BY 1 ORDER BY 1
        """,
        unit=unit,
    )
    return Times(
        row.times,
        row.different,
        row.earliest,
        row.latest,
        row.median,
        unit,
        tuple((count.start, count.values) for count in counts),
    )
