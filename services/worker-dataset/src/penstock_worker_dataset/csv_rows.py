"""The rows of a CSV file (RFC 4180, with any of four delimiters), checked as they stream by."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from penstock_runtime.errors import Rejected
from penstock_worker_dataset.delimiter import delimiter_of
from penstock_worker_dataset.header import column_names
from penstock_worker_dataset.lines import Lines
from penstock_worker_dataset.settings import DatasetSettings

BATCH_ROWS = 1000
BATCH_CHARACTERS = 1_000_000
"""A batch ends at the first of the two."""

Row = list[str]


@dataclass(frozen=True)
class Table:
    """The columns' names, and in batches the rows below them, each with a cell for every column."""

    columns: list[str]
    batches: Iterator[list[Row]]


def read_csv(name: str, texts: Iterable[str], settings: DatasetSettings) -> Table:
    """Begin to read a CSV file; its batches may be gone through once. The first piece decides the delimiter.

    Empty lines are skipped, though counted. Raises Rejected, also while the batches are read: empty_file,
    ragged_row, bad_quote, unterminated_quote, line_too_long, cell_too_long, too_many_columns,
    column_name_too_long or too_many_rows.
    """
    texts = iter(texts)
    first = next(texts, "")
    lines = Lines(name, chain([first], texts), most=settings.dataset_line_characters)
    rows = _rows(name, lines, delimiter_of(first), settings.dataset_cell_characters)
    _, header = next(rows, (0, []))
    if not header:
        raise Rejected(f"{name} is empty: its first row must name the columns", code="empty_file")
    columns = column_names(
        name,
        header,
        most=settings.dataset_columns,
        most_characters=settings.dataset_column_name_characters,
    )
    return Table(columns, _batches(name, rows, lines, len(columns), settings.dataset_rows))


def _rows(name: str, lines: Lines, delimiter: str, most_characters: int) -> Iterator[tuple[int, Row]]:
    """Each row that is not empty with its number in the file, from 1."""
    csv.field_size_limit(most_characters)  # one for the whole process, in which one job runs at a time
    number = 0
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), 1):
            lines.end_row()
            if row:
                yield number, row
    except csv.Error as error:
        raise _fault(name, str(error), number + 1, lines.row_number, most_characters) from error


def _fault(name: str, reason: str, number: int, line: int, most_characters: int) -> Rejected:
    # The csv module has one kind of error: only its text tells them apart.
    where = f"row {number}" if number == line else f"row {number} (line {line})"
    if "field larger" in reason:
        return Rejected(
            f"{name} has a cell with more than {most_characters:,} characters in {where}; "
            "if it should not, look for a quote that is not closed",
            code="cell_too_long",
        )
    if "unexpected end" in reason:
        return Rejected(f"{name} ends within a quoted cell, which begins in {where}", code="unterminated_quote")
    return Rejected(
        f'{name} has text behind a closing quote in {where}; a quote within a quoted cell is written ""',
        code="bad_quote",
    )


def _batches(name: str, rows: Iterator[tuple[int, Row]], lines: Lines, width: int, most: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    began = lines.characters
    for count, (number, row) in enumerate(rows, 1):
        if len(row) != width:
            raise Rejected(
                f"{name} has {_cells(len(row))} in row {number}, but {_cells(width)} in its header",
                code="ragged_row",
            )
        if count > most:
            raise Rejected(f"{name} has more than {most:,} rows", code="too_many_rows")
        batch.append(row)
        if len(batch) == BATCH_ROWS or lines.characters - began > BATCH_CHARACTERS:
            yield batch
            batch, began = [], lines.characters
    if batch:
        yield batch


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count:,} cells"
