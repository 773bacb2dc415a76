"""An import counts when each row of the file lies in the database."""

import csv
from uuid import uuid4

from bench.large_import import AMOUNT, row_faults, write_csv
from sqlalchemy import insert, update

from penstock_runtime.schema import dataset_rows


def test_the_sum_that_is_told_is_that_of_the_files_column(tmp_path):
    told = write_csv(tmp_path / "orders.csv", 300)
    with (tmp_path / "orders.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert len(rows) == 300
    assert {len(row) for row in rows} == {len(header)}
    assert sum(int(row[AMOUNT]) for row in rows) == told


def test_a_row_that_is_missing_or_was_changed_is_told(database):
    dataset = uuid4()
    rows = [
        {"dataset_id": dataset, "number": number, "cells": [*[""] * AMOUNT, str(10 * number)]} for number in (1, 2, 3)
    ]
    with database.begin() as connection:
        connection.execute(insert(dataset_rows), rows)
    assert row_faults(database, dataset, 3, 60) == []
    with database.begin() as connection:
        connection.execute(update(dataset_rows).where(dataset_rows.c.number == 2).values(cells=rows[0]["cells"]))
    assert row_faults(database, dataset, 3, 60) == ["the dataset's sum of quantities: 50 instead of 60"]
    assert len(row_faults(database, uuid4(), 3, 60)) == 2
