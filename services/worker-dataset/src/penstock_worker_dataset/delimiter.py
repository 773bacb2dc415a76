"""Which character stands between the cells of a CSV file."""

import csv
from io import StringIO

DELIMITERS = ",;\t|"
"""The ones that are tried; the first is the one of a file with a single column."""

SAMPLE_CHARACTERS = 65_536
SAMPLE_ROWS = 100


def delimiter_of(sample: str) -> str:
    """The delimiter that splits the header into cells and most rows into as many; of several, into the most.

    The sample may end within a row.
    """
    return max(DELIMITERS, key=lambda delimiter: _fit(sample[:SAMPLE_CHARACTERS], delimiter))


def _fit(sample: str, delimiter: str) -> tuple[bool, float, int]:
    widths = []
    try:
        for row in csv.reader(StringIO(sample, newline=""), delimiter=delimiter):
            if row:
                widths.append(len(row))
            if len(widths) > SAMPLE_ROWS:
                break
    except csv.Error:
        pass  # it is reported where the rows are read; what came before it says enough here
    if not widths:
        return (False, 0, 0)
    header, *rows = widths if len(widths) < 3 else widths[:-1]  # the last one may be cut
    share = sum(width == header for width in rows) / len(rows) if rows else 1
    return (True, share, header) if header > 1 else (False, 0, 0)
