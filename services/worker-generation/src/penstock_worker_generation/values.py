"""Columns of texts and booleans: which values are the most frequent."""

from dataclasses import dataclass

from penstock_worker_generation.cells import Cells, texts


@dataclass(frozen=True)
class Values:
    """What `count` cells hold, `distinct` different values among them, the longest of `longest` characters.

    frequent: the most frequent values, each cut to the characters asked for, and how often it stands there.
    """

    count: int
    distinct: int
    longest: int
    frequent: tuple[tuple[str, int], ...]


def read_values(cells: Cells, *, most: int, characters: int) -> Values | None:
    """Describe a column by its values, in one pass over it. None where every cell is missing.

    Equally frequent values come in the order of their code points.
    """
    rows = cells.ask(
        f"""
        WITH counted AS MATERIALIZED (
            SELECT value, count(*) AS times FROM {texts()} WHERE value IS NOT NULL GROUP BY value
        )
        SELECT left(value, :characters) AS shown, times, (SELECT count(*) FROM counted) AS different,
               (SELECT sum(times) FROM counted) AS present, (SELECT max(length(value)) FROM counted) AS longest
        FROM counted ORDER BY times DESC, value COLLATE "C" LIMIT :most
        """,
        most=most,
        characters=characters,
    )
    if not rows:
        return None
    first = rows[0]
    return Values(int(first.present), first.different, first.longest, tuple((row.shown, row.times) for row in rows))
