"""Datasets: files that are imported, and what was read from them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel
from sqlalchemy import Column, Connection, Row, Table, Text, cast, func, or_, select, tuple_

from penstock_api.auth import tenant
from penstock_api.cursors import read_number, read_time_and_uuid, write_cursor
from penstock_api.documentation import problems_with_key
from penstock_api.models import NoQuery, PageQuery, answer
from penstock_api.problems import not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_contracts import dataset as contract
from penstock_runtime.schema import dataset_chunks, dataset_rows, datasets

routes = with_key("datasets", "What was imported")


class DatasetPath(BaseModel):
    """Which dataset: the id of the job that imported it."""

    dataset_id: UUID


class Dataset(BaseModel):
    """One imported file. Rows and columns are of a CSV, chunks of a text."""

    id: UUID
    file_id: UUID
    name: str
    format: str
    encoding: str
    rows: int
    chunks: int
    columns: list[contract.Column]
    created_at: datetime


class DatasetPage(BaseModel):
    """Datasets, newest first."""

    items: list[Dataset]
    next_cursor: str | None


class DatasetRow(BaseModel):
    """One row, counted from 1 without the header. A cell stands as it stood in the file; null where it was missing."""

    number: int
    cells: list[str | None]


class DatasetRowPage(BaseModel):
    """Rows in their order. A page of large rows holds fewer than asked for."""

    items: list[DatasetRow]
    next_cursor: str | None


class DatasetChunk(BaseModel):
    """One piece of a text, counted from 1."""

    number: int
    text: str


class DatasetChunkPage(BaseModel):
    """Chunks in their order."""

    items: list[DatasetChunk]
    next_cursor: str | None


@routes.get("/datasets", responses={200: DatasetPage} | problems_with_key())
def list_datasets(query: PageQuery) -> Response:
    """List datasets"""
    size = query.size()
    table = datasets.c
    found = select(datasets).where(table.tenant == tenant())
    position = read_time_and_uuid(query.cursor)
    if position is not None:
        found = found.where(tuple_(table.created_at, table.id) < tuple_(*position))
    with services().transaction() as connection:
        rows = connection.execute(found.order_by(table.created_at.desc(), table.id.desc()).limit(size + 1)).all()
    last = rows[size - 1] if len(rows) > size else None
    return answer(
        DatasetPage(
            items=[Dataset.model_validate(row._mapping) for row in rows[:size]],
            next_cursor=write_cursor(last.created_at, last.id) if last else None,
        )
    )


@routes.get("/datasets/<uuid:dataset_id>", responses={200: Dataset} | problems_with_key("not_found"))
def show_dataset(path: DatasetPath, query: NoQuery) -> Response:
    """Show one dataset"""
    with services().transaction() as connection:
        return answer(Dataset.model_validate(_dataset(connection, path)._mapping))


@routes.get("/datasets/<uuid:dataset_id>/rows", responses={200: DatasetRowPage} | problems_with_key("not_found"))
def list_dataset_rows(path: DatasetPath, query: PageQuery) -> Response:
    """List a dataset's rows"""
    found, cursor = _numbered(path, query, dataset_rows, dataset_rows.c.cells)
    return answer(DatasetRowPage(items=[DatasetRow(number=n, cells=cells) for n, cells in found], next_cursor=cursor))


@routes.get("/datasets/<uuid:dataset_id>/chunks", responses={200: DatasetChunkPage} | problems_with_key("not_found"))
def list_dataset_chunks(path: DatasetPath, query: PageQuery) -> Response:
    """List a dataset's chunks"""
    found, cursor = _numbered(path, query, dataset_chunks, dataset_chunks.c.text)
    return answer(DatasetChunkPage(items=[DatasetChunk(number=n, text=text) for n, text in found], next_cursor=cursor))


def _dataset(connection: Connection, path: DatasetPath) -> Row[Any]:
    row = connection.execute(
        select(datasets).where(datasets.c.id == path.dataset_id, datasets.c.tenant == tenant())
    ).one_or_none()
    if row is None:
        raise not_found("dataset")
    return row


def _numbered(
    path: DatasetPath, query: PageQuery, table: Table, content: Column[Any]
) -> tuple[list[tuple[int, Any]], str | None]:
    """A page of numbered things, cut in the database where it would hold too many bytes, and the next one's cursor."""
    size = query.size()
    most_bytes = services().settings.api_page_bytes
    page = (
        select(table.c.number, content.label("content"), func.octet_length(cast(content, Text)).label("bytes"))
        .where(table.c.dataset_id == path.dataset_id, table.c.number > (read_number(query.cursor) or 0))
        .order_by(table.c.number)
        .limit(size + 1)
        .subquery()
    )
    bytes_so_far = func.sum(page.c.bytes).over(order_by=page.c.number)
    measured = select(page, bytes_so_far.label("so_far"), func.count().over().label("found")).subquery()
    fits = or_(measured.c.so_far <= most_bytes, measured.c.so_far == measured.c.bytes)
    with services().transaction() as connection:
        _dataset(connection, path)
        rows = connection.execute(select(measured).where(fits).order_by(measured.c.number)).all()
    given = rows[:size]
    more = bool(rows) and rows[0].found > len(given)
    return [(row.number, row.content) for row in given], write_cursor(given[-1].number) if more else None
