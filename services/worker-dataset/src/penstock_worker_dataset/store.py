"""The tables: where a file lies, and where its content goes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

import psycopg
from psycopg import sql
from pydantic_core import to_json
from sqlalchemy import Connection, Engine, insert, select

from penstock_contracts.dataset import Imported
from penstock_runtime.errors import Rejected
from penstock_runtime.schema import dataset_chunks, dataset_rows, datasets, files


@dataclass(frozen=True)
class StoredFile:
    """A file in object storage: its key there and its size."""

    key: str
    bytes: int


def find_file(database: Engine, file_id: UUID, *, tenant: str) -> StoredFile:
    """A tenant's file. Raises Rejected (file_missing)."""
    query = select(files.c.storage_key, files.c.bytes).where(files.c.id == file_id, files.c.tenant == tenant)
    with database.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise Rejected(f"there is no file {file_id}; upload it first", code="file_missing")
    return StoredFile(row.storage_key, row.bytes)


def copy_rows(connection: Connection, dataset_id: UUID, batches: Iterable[Sequence[Sequence[str]]]) -> int:
    """Write rows in order, numbered from 1, a cell without characters as null. Returns how many there are."""
    number = 0
    with _copy(connection, dataset_rows.name, "cells") as copy:
        for number, row in enumerate(chain.from_iterable(batches), 1):
            copy.write_row((dataset_id, number, to_json([cell or None for cell in row]).decode()))
    return number


def copy_chunks(connection: Connection, dataset_id: UUID, chunks: Iterable[str]) -> int:
    """Write chunks in order, numbered from 1. Returns how many there were."""
    number = 0
    with _copy(connection, dataset_chunks.name, "text") as copy:
        for number, chunk in enumerate(chunks, 1):
            copy.write_row((dataset_id, number, chunk))
    return number


def insert_dataset(connection: Connection, imported: Imported, file_id: UUID, name: str, *, tenant: str) -> None:
    """Write the dataset's own line, to which its rows and chunks belong."""
    values = imported.model_dump(mode="json", include={"format", "encoding", "rows", "chunks", "columns"})
    connection.execute(
        insert(datasets).values(id=imported.dataset_id, tenant=tenant, file_id=file_id, name=name, **values)
    )


@contextmanager
def _copy(connection: Connection, table: str, column: str) -> Iterator[psycopg.Copy]:
    """COPY in the connection's transaction."""
    columns = (sql.Identifier(name) for name in ("dataset_id", "number", column))
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(", ").join(columns))
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(command) as copy:
        yield copy
