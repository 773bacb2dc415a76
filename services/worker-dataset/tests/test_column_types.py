"""The narrowest type of a column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_contracts.dataset import Column
from penstock_worker_dataset.column_types import ColumnTypes


def type_of(*cells: str) -> str:
    types = ColumnTypes(["x"])
    types.see([[cell] for cell in cells])
    return types.columns()[0].type


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("integer", ["0", "-1", "42", "9" * 18, "-" + "9" * 18]),
        ("number", ["1.5", "-0.25", ".5", "1e5", "2.5E-10", "0.0"]),
        ("boolean", ["true", "False", "TRUE"]),
        ("date", ["2024-02-29", "1999-12-31"]),
        (
            "datetime",
            ["2024-02-29T12:30", "2024-02-29 12:30:59.123456", "2024-02-29T12:30:00Z", "2024-02-29T00:00:00+08:00"],
        ),
        ("text", ["x"]),
        ("empty", ["", ""]),
    ],
)
def test_a_column_of_one_kind_has_its_type(kind: str, cells: list[str]) -> None:
    assert type_of(*cells) == kind
    assert type_of("", *cells, "") == kind
    assert type_of(*cells, "words") == "text"
    assert {type_of(cell) for cell in cells} == {kind}


@pytest.mark.parametrize(
    "cell",
    [
        "007", "-01", "+1", "+8613800138000", "1" + "0" * 18, "1234567890123456789.5", "1,234", "1 234", "1_000",
        "0x1F",
        "NaN", "nan", "inf", "-Infinity", "1e999", "5.", ".", "-", "e5", "1.2.3", "１２", "１.５", "٣", "²", "½",
        " 1", "1 ", "1\n", "yes", "tRUE", "t", "是",
        "2023-02-29", "2024-13-01", "2024-1-5", "2024-W01-1", "2024/01/05", "0000-01-01", "２０２４-01-01",
        "2024-01-01T25:00", "2024-01-01T12", "2024-01-01T12:00:00.1234567", "2024-01-01\n", "12:30", " ", "null",
        "NA",
    ],
)  # fmt: skip
def test_what_only_resembles_a_number_a_date_or_a_truth_is_text(cell: str) -> None:
    assert type_of(cell) == "text"


def test_integers_among_numbers_are_numbers_and_dates_among_datetimes_datetimes() -> None:
    assert type_of("1", "2.5", "3") == "number"
    assert type_of("2024-01-01", "2024-01-01 12:00") == "datetime"


@pytest.mark.parametrize(
    "cells", [["1", "true"], ["1", "2024-01-01"], ["true", "2024-01-01"], ["1.5", "2024-01-01T12:00"]]
)
def test_kinds_that_share_nothing_are_text(cells: list[str]) -> None:
    assert type_of(*cells) == type_of(*reversed(cells)) == "text"


def test_missing_cells_are_counted_for_each_column() -> None:
    types = ColumnTypes(["a", "b"])
    types.see([["1", ""], ["", ""]])
    types.see([["2.5", ""]])
    assert types.columns() == [Column(name="a", type="number", missing=1), Column(name="b", type="empty", missing=3)]


def test_columns_without_rows_are_empty() -> None:
    assert ColumnTypes(["a"]).columns() == [Column(name="a", type="empty", missing=0)]


cells = st.lists(st.sampled_from(["", "1", "2.5", "true", "2024-01-01", "2024-01-01 12:00", "x"]), min_size=1)


@given(cells=cells, size=st.integers(1, 5), data=st.data())
def test_neither_order_nor_batches_matter(cells: list[str], size: int, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(cells))
    types = ColumnTypes(["x"])
    for at in range(0, len(shuffled), size):
        types.see([[cell] for cell in shuffled[at : at + size]])
    assert types.columns()[0].type == type_of(*cells)
    assert types.columns()[0].missing == cells.count("")


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_any_integer_of_18_digits_is_one(value: int) -> None:
    assert type_of(str(value)) == "integer"


@given(st.datetimes().filter(lambda value: value.year >= 1000))
def test_any_moment_python_writes_is_a_datetime(value: object) -> None:
    assert type_of(str(value)) == "datetime"
