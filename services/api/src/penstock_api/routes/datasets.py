"""Datasets: files that are imported, and what was read from them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, Field
from sqlalchemy import Column, Connection, Row, Table, Text, cast, func, or_, select, tuple_

from penstock_api import examples
from penstock_api.auth import tenant
from penstock_api.cursors import read_number, read_time_and_uuid, write_cursor
from penstock_api.documentation import problems_with_key
from penstock_api.models import Count, NextCursor, NoQuery, PageQuery, answer
from penstock_api.openapi import link, shown
from penstock_api.problems import not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_contracts import dataset as contract
from penstock_runtime.schema import dataset_chunks, dataset_rows, datasets

routes = with_key("datasets", "What was imported")


class DatasetPath(BaseModel):
    """Which dataset: the id of the job that imported it."""

    dataset_id: Annotated[
        UUID, Field(description="the id of the job that imported it", json_schema_extra={"example": examples.DATASET})
    ]


_DATASET = {
    "id": examples.DATASET,
    "file_id": examples.FILE,
    "name": "sales.csv",
    "format": "csv",
    "encoding": "utf-8",
    "rows": 2000,
    "chunks": 0,
    "columns": examples.COLUMNS,
    "created_at": examples.ENDED_AT,
}


class Dataset(BaseModel):
    """One imported file. Rows and columns are of a CSV, chunks of a text."""

    model_config = shown(
        links={
            "rows": link("list_dataset_rows", "what was read from a CSV", dataset_id="id"),
            "chunks": link("list_dataset_chunks", "what was read from a text", dataset_id="id"),
            "download": link("download_file", "the file as it was uploaded", file_id="file_id"),
            "report": link("make_report", "a report on it", {"dataset_id": "$response.body#/id"}),
        },
        a_table=_DATASET,
        a_text=_DATASET | {"name": "notes.md", "format": "md", "rows": 0, "chunks": 12, "columns": []},
    )

    id: UUID = Field(description="the id of the job that imported it")
    file_id: UUID = Field(description="the file as it was uploaded")
    name: str = Field(description="the file's")
    format: str = Field(description="csv, txt or md")
    encoding: str = Field(description="in which the file was written: utf-8, gb18030, utf-16-le or utf-16-be")
    rows: Count
    chunks: Count
    columns: list[contract.Column]
    created_at: datetime = Field(description="when the import finished")


class DatasetPage(BaseModel):
    """Datasets, newest first."""

    model_config = shown(
        links={
            "next": link("list_datasets", "the next page", cursor="next_cursor"),
            "show_first": link("show_dataset", "one of them", dataset_id="items/0/id"),
            "rows_of_first": link("list_dataset_rows", "of a CSV", dataset_id="items/0/id"),
            "report_on_first": link("make_report", "a report on one", {"dataset_id": "$response.body#/items/0/id"}),
        },
        a_page={"items": [_DATASET], "next_cursor": examples.CURSOR},
    )

    items: list[Dataset]
    next_cursor: NextCursor


class DatasetRow(BaseModel):
    """One row."""

    number: int = Field(ge=1, description="from 1, without the header")
    cells: list[str | None] = Field(description="as they stood in the file; null: nothing stood there")


class DatasetRowPage(BaseModel):
    """Rows in their order. A page of large rows holds fewer than asked for."""

    model_config = shown(
        a_page={
            "items": [{"number": 1, "cells": ["2026-05", "17"]}, {"number": 2, "cells": ["2026-06", None]}],
            "next_cursor": "WzJd",
        }
    )

    items: list[DatasetRow]
    next_cursor: NextCursor


class DatasetChunk(BaseModel):
    """One piece of a text."""

    number: int = Field(ge=1, description="from 1")
    text: str


class DatasetChunkPage(BaseModel):
    """Chunks in their order. A page of large chunks holds fewer than asked for."""

    model_config = shown(
        the_last_page={"items": [{"number": 1, "text": "# Notes\n\nSales rose in May."}], "next_cursor": None}
    )

    items: list[DatasetChunk]
    next_cursor: NextCursor


@routes.get("/datasets", responses={200: DatasetPage} | problems_with_key())
def list_datasets(query: PageQuery) -> Response:
    """List datasets

    What the tenant has imported, newest first, page by page.
    """
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
    """Show one dataset

    What was found in the file: how it is written, how much it holds, and of a CSV the type of each column.
    """
    with services().transaction() as connection:
        return answer(Dataset.model_validate(_dataset(connection, path)._mapping))


@routes.get("/datasets/<uuid:dataset_id>/rows", responses={200: DatasetRowPage} | problems_with_key("not_found"))
def list_dataset_rows(path: DatasetPath, query: PageQuery) -> Response:
    """List a dataset's rows

    Of a CSV, in the order of the file, page by page. A text has none.
    """
    found, cursor = _numbered(path, query, dataset_rows, dataset_rows.c.cells)
    return answer(DatasetRowPage(items=[DatasetRow(number=n, cells=cells) for n, cells in found], next_cursor=cursor))


@routes.get("/datasets/<uuid:dataset_id>/chunks", responses={200: DatasetChunkPage} | problems_with_key("not_found"))
def list_dataset_chunks(path: DatasetPath, query: PageQuery) -> Response:
    """List a dataset's chunks

    Of a text, in its order, page by page. A CSV has none.
    """
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
