"""Datasets as the import leaves them."""

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import pytest
import sqlalchemy
from sqlalchemy import insert

from penstock_contracts.dataset import Column
from penstock_runtime.schema import dataset_rows, datasets

Cell = str | None


@pytest.fixture
def imported(database: sqlalchemy.Engine) -> Callable[..., UUID]:
    """Store columns of cells: `imported(age=("integer", ["1", None]))`; returns the dataset's id."""

    def store(tenant: str = "default", name: str = "people.csv", **columns: tuple[str, Sequence[Cell]]) -> UUID:
        dataset_id = uuid4()
        rows = list(zip(*(cells for _, cells in columns.values()), strict=True))
        described = [
            Column(name=column, type=kind, missing=sum(cell is None for cell in cells)).model_dump()
            for column, (kind, cells) in columns.items()
        ]
        values = {
            "id": dataset_id,
            "tenant": tenant,
            "file_id": uuid4(),
            "name": name,
            "format": "csv" if columns else "txt",
            "encoding": "utf-8",
            "rows": len(rows),
            "chunks": 0 if columns else 1,
            "columns": described,
        }
        with database.begin() as connection:
            connection.execute(insert(datasets).values(values))
            for number, cells in enumerate(rows, 1):
                row = {"dataset_id": dataset_id, "number": number, "cells": list(cells)}
                connection.execute(insert(dataset_rows).values(row))
        return dataset_id

    return store
