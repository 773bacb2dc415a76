"""The names of a CSV file's columns, from its first row."""

from collections.abc import Sequence

from penstock_runtime.errors import Rejected


def column_names(name: str, cells: Sequence[str], *, most: int, most_characters: int) -> list[str]:
    """A name for each cell, all different: an empty one becomes `column_3`, a second `total` `total_2`.

    Blanks around a name are cut. Raises Rejected: too_many_columns, column_name_too_long.
    """
    if len(cells) > most:
        raise Rejected(f"{name} has {len(cells):,} columns; at most {most:,} are allowed", code="too_many_columns")
    wanted = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, 1)]
    for number, column in enumerate(wanted, 1):
        if len(column) > most_characters:
            raise Rejected(
                f"{name} has a name of {len(column):,} characters in its header, at column {number}; "
                f"at most {most_characters:,} are allowed. Is its first row a header?",
                code="column_name_too_long",
            )
    return _made_unique(wanted)


def _made_unique(wanted: list[str]) -> list[str]:
    taken = set(wanted)
    seen: set[str] = set()
    next_number: dict[str, int] = {}
    names = []
    for column in wanted:
        unique = column
        if column in seen:
            number = next_number.get(column, 2)
            while (unique := f"{column}_{number}") in taken:
                number += 1
            next_number[column] = number + 1
            taken.add(unique)
        seen.add(unique)
        names.append(unique)
    return names
