"""Columns of integers and numbers: their spread, and how many lie where."""

from dataclasses import dataclass

from penstock_worker_generation.cells import Cells, typed
from penstock_worker_generation.intervals import Intervals, round_intervals

# The squares of what is kept, added up over any dataset, are still a double precision. NaN and infinity are not kept.
_KEPT = "v BETWEEN -1e150 AND 1e150"
_RELATION = {whole: typed("bigint" if whole else "double precision", _KEPT) for whole in (True, False)}


@dataclass(frozen=True)
class Numbers:
    """What `count` cells hold, `distinct` different numbers among them.

    deviation: that of a sample (n - 1), None for a single value. counts: how many lie in each interval.
    """

    count: int
    distinct: int
    smallest: float
    largest: float
    mean: float
    quartiles: tuple[float, float, float]
    deviation: float | None
    intervals: Intervals
    counts: tuple[int, ...]


def read_numbers(cells: Cells, *, whole: bool, most_intervals: int) -> Numbers | None:
    """Describe a column of integers (`whole`) or numbers, in two passes over it. None where no cell holds one.

    Cells that hold no number, or one beyond ±1e150, are left out.
    """
    [row] = cells.ask(f"""
        SELECT count(v) AS numbers, count(DISTINCT v) AS different,
               min(v) AS smallest, max(v) AS largest,
               CAST(avg(v) AS double precision) AS mean, CAST(stddev_samp(v) AS double precision) AS deviation,
               percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY v) AS quartiles
        FROM {_RELATION[whole]}
    """)
    if not row.numbers:
        return None
    intervals = round_intervals(row.smallest, row.largest, most_intervals, whole=whole)
    return Numbers(
        row.numbers,
        row.different,
        row.smallest,
        row.largest,
        row.mean,
        tuple(row.quartiles),
        row.deviation,
        intervals,
        _count(cells, intervals, whole=whole),
    )


def _count(cells: Cells, intervals: Intervals, *, whole: bool) -> tuple[int, ...]:
    # What rounding puts just outside belongs to the first or last interval.
    rows = cells.ask(
        f"""
        SELECT greatest(1, least(:count, width_bucket(CAST(v AS double precision), :low, :high, :count))) AS number,
               count(*) AS values
        FROM {_RELATION[whole]} WHERE v IS NOT NULL GROUP BY 1
        """,
        low=intervals.low,
        high=intervals.high,
        count=intervals.count,
    )
    found = {row.number: row.values for row in rows}
    return tuple(found.get(number, 0) for number in range(1, intervals.count + 1))
