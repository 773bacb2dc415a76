"""The dataset queue: files become rows and chunks."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from penstock_contracts.queues import DATASET
from penstock_contracts.task import Contract, Task

ColumnType = Literal["integer", "number", "boolean", "date", "datetime", "text", "empty"]


class ImportFile(Contract):
    """Import a file that was uploaded before. The format follows from the name's ending: .csv, .txt, .md."""

    file_id: Annotated[UUID, Field(description="of an uploaded file")]
    name: Annotated[str, Field(min_length=1, max_length=200, description="its ending says the format")]


class Column(Contract):
    """One column as it was found: its type is the narrowest that every value which is not missing has."""

    name: str
    type: ColumnType
    missing: Annotated[int, Field(description="rows in which it holds no value")]


class Imported(Contract):
    """A dataset's id is the id of the job that imported it. Rows and columns are of a CSV, chunks of a text."""

    dataset_id: Annotated[UUID, Field(description="the id of this job")]
    format: Literal["csv", "txt", "md"]
    encoding: str
    rows: int
    columns: list[Column]
    chunks: int


class SweepStorage(Contract):
    """Delete objects in storage that no row names and that are older than this many days."""

    days: Annotated[int, Field(ge=1, le=3650)] = 7


class Swept(Contract):
    """How many objects were looked at, and how many of them deleted."""

    seen: int
    deleted: int


IMPORT_FILE = Task("dataset.import_file", DATASET, ImportFile, Imported)
SWEEP_STORAGE = Task("dataset.sweep_storage", DATASET, SweepStorage, Swept)
