"""The cells of one column, read and typed by PostgreSQL in its own bounded memory.

Cells are texts, typed by the import. What PostgreSQL does not read as its column's type is counted as unread and
otherwise left out, so that no value of a file can make a report fail.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

_VALUES = "SELECT cells ->> CAST(:index AS integer) AS value FROM dataset_rows WHERE dataset_id = :dataset_id"


@dataclass(frozen=True)
class Cells:
    """The cells that stand at `index` (from 0) in each row of a dataset. The connection's time zone must be UTC."""

    connection: Connection
    dataset_id: UUID
    index: int

    def ask(self, query: str, **values: object) -> list[Row[Any]]:
        """The rows of a query that names the cells by `texts()` or `typed()`."""
        bound = {"dataset_id": self.dataset_id, "index": self.index, **values}
        return list(self.connection.execute(text(query), bound))


def texts() -> str:
    """A relation of `value`: each cell as it stood, null where it is missing."""
    return f"({_VALUES}) AS cells"


def typed(sql_type: str, keep: str) -> str:
    """A relation of `value` and `v`: the cell, and the cell as a PostgreSQL type, null where it does not read as
    one or the condition `keep` on `v` does not hold. Needs PostgreSQL 16."""
    read = f"CASE WHEN pg_input_is_valid(value, '{sql_type}') THEN CAST(value AS {sql_type}) END AS v"
    return (
        f"(SELECT value, CASE WHEN {keep} THEN v END AS v FROM (SELECT value, {read} FROM {texts()}) AS read) AS typed"
    )
