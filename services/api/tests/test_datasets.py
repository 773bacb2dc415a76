from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy
from flask.testing import FlaskClient

from penstock_api.app import Api
from penstock_runtime.schema import dataset_chunks, dataset_rows, datasets

Imported = Callable[..., UUID]


@pytest.fixture
def imported(database: sqlalchemy.Engine) -> Imported:
    """A dataset as the worker leaves it."""

    def insert(*rows: list[str | None], chunks: tuple[str, ...] = (), tenant: str = "default") -> UUID:
        dataset_id = uuid4()
        columns = [{"name": "month", "type": "text", "missing": 0}]
        with database.begin() as connection:
            connection.execute(
                datasets.insert().values(
                    id=dataset_id,
                    tenant=tenant,
                    file_id=uuid4(),
                    name="销售.csv",
                    format="csv",
                    encoding="utf-8",
                    rows=len(rows),
                    chunks=len(chunks),
                    columns=columns,
                )
            )
            for number, cells in enumerate(rows, 1):
                connection.execute(dataset_rows.insert().values(dataset_id=dataset_id, number=number, cells=cells))
            for number, text in enumerate(chunks, 1):
                connection.execute(dataset_chunks.insert().values(dataset_id=dataset_id, number=number, text=text))
        return dataset_id

    return insert


def pages(client: FlaskClient, address: str) -> list[list[int]]:
    """The numbers on each page, from the first to the last one."""
    found, cursor = [], ""
    while True:
        page = client.get(f"{address}{cursor}").get_json()
        found.append([item["number"] for item in page["items"]])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_a_dataset_is_shown_with_its_columns(api: FlaskClient, imported: Imported) -> None:
    dataset_id = imported(["五月"])
    shown = api.get(f"/v1/datasets/{dataset_id}").get_json()

    assert (shown["id"], shown["name"], shown["rows"]) == (str(dataset_id), "销售.csv", 1)
    assert shown["columns"] == [{"name": "month", "type": "text", "missing": 0}]


def test_datasets_are_listed_newest_first_page_by_page(api: FlaskClient, imported: Imported) -> None:
    made = [str(imported()) for _ in range(3)]
    first = api.get("/v1/datasets?limit=2").get_json()
    second = api.get(f"/v1/datasets?limit=2&cursor={first['next_cursor']}").get_json()

    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


def test_rows_stand_in_their_order_as_they_stood_in_the_file(api: FlaskClient, imported: Imported) -> None:
    dataset_id = imported(["1", None], ["", " x "], ["null", "é"])

    assert api.get(f"/v1/datasets/{dataset_id}/rows").get_json() == {
        "items": [
            {"number": 1, "cells": ["1", None]},
            {"number": 2, "cells": ["", " x "]},
            {"number": 3, "cells": ["null", "é"]},
        ],
        "next_cursor": None,
    }


def test_rows_come_in_pages_of_the_size_asked_for(api: FlaskClient, imported: Imported) -> None:
    dataset_id = imported(*[[str(n)] for n in range(5)])

    assert pages(api, f"/v1/datasets/{dataset_id}/rows?limit=2") == [[1, 2], [3, 4], [5]]
    assert pages(api, f"/v1/datasets/{dataset_id}/rows?limit=5") == [[1, 2, 3, 4, 5]]


def test_a_page_ends_before_it_holds_too_many_bytes_but_gives_one_row_at_least(
    make_api: Callable[..., Api], make_key: Callable[..., dict[str, str]], imported: Imported
) -> None:
    # As JSON a row of one cell of n characters has n + 4 bytes.
    dataset_id = imported(["a" * 508], ["b" * 508], ["c" * 509], ["d" * 5000], ["e"])
    client = make_api(api_page_bytes=1024).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = make_key()["Authorization"]

    assert pages(client, f"/v1/datasets/{dataset_id}/rows?limit=50") == [[1, 2], [3], [4], [5]]


def test_chunks_come_in_pages_too(api: FlaskClient, imported: Imported) -> None:
    dataset_id = imported(chunks=("第一段", "second"))

    assert pages(api, f"/v1/datasets/{dataset_id}/chunks?limit=1") == [[1], [2]]
    items: list[dict[str, Any]] = api.get(f"/v1/datasets/{dataset_id}/chunks").get_json()["items"]
    assert items[0] == {"number": 1, "text": "第一段"}


@pytest.mark.parametrize("part", ["", "/rows", "/chunks"])
def test_a_foreign_dataset_does_not_exist(stranger: FlaskClient, imported: Imported, part: str) -> None:
    dataset_id = imported(["1"])

    assert stranger.get(f"/v1/datasets/{dataset_id}{part}").status_code == 404
    assert stranger.get("/v1/datasets").get_json()["items"] == []
