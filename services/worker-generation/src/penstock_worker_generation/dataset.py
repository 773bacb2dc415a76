"""The dataset that a report is about."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from penstock_contracts.dataset import Column
from penstock_runtime.errors import Rejected
from penstock_runtime.schema import datasets


@dataclass(frozen=True)
class Dataset:
    """A dataset of rows, as its import described it."""

    id: UUID
    name: str
    rows: int
    columns: tuple[Column, ...]

    @property
    def missing(self) -> int:
        """How many cells have no value."""
        return sum(column.missing for column in self.columns)


def find_dataset(connection: Connection, dataset_id: UUID, *, tenant: str) -> Dataset:
    """A tenant's dataset. Raises Rejected (dataset_missing, not_tabular)."""
    query = select(datasets).where(datasets.c.id == dataset_id, datasets.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise Rejected(f"there is no dataset {dataset_id}; import a file first", code="dataset_missing")
    columns = tuple(Column.model_validate(column) for column in row.columns)
    if not columns:
        message = f"dataset {dataset_id} is a text ({row.format}): a report needs rows and columns, as of a CSV"
        raise Rejected(message, code="not_tabular")
    return Dataset(row.id, row.name, row.rows, columns)
