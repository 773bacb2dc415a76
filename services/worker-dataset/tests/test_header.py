"""Names of columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_runtime.errors import Rejected
from penstock_worker_dataset.header import column_names


def names(*cells: str, most: int = 50, most_characters: int = 10) -> list[str]:
    return column_names("x.csv", cells, most=most, most_characters=most_characters)


def test_names_stay_as_they_stand_without_the_blanks_around_them() -> None:
    assert names("id", " full name ", "年龄") == ["id", "full name", "年龄"]


def test_an_empty_name_becomes_its_columns_number() -> None:
    assert names("id", "", "  ") == ["id", "column_2", "column_3"]


def test_a_name_that_comes_again_is_numbered() -> None:
    assert names("a", "b", "a", "a") == ["a", "b", "a_2", "a_3"]


def test_a_numbered_name_does_not_collide_with_one_that_stands_there() -> None:
    assert names("a", "a_2", "a", "", "column_4") == ["a", "a_2", "a_3", "column_4", "column_4_2"]


@given(st.lists(st.sampled_from(["", "a", "a_2", "a_3", "a_2_2", "column_1", "column_2"]), min_size=1, max_size=20))
def test_names_are_always_different(cells: list[str]) -> None:
    found = names(*cells)
    assert len(set(found)) == len(found) == len(cells)


def test_as_many_columns_as_allowed_are_fine_and_one_more_is_not() -> None:
    assert len(names("a", "b", "c", most=3)) == 3
    with pytest.raises(Rejected, match=r"x\.csv has 4 columns; at most 3 are allowed") as caught:
        names("a", "b", "c", "d", most=3)
    assert caught.value.code == "too_many_columns"


def test_a_name_as_long_as_allowed_is_fine_and_a_longer_one_is_not() -> None:
    assert names("abcd", most_characters=4) == ["abcd"]
    with pytest.raises(Rejected, match="a name of 5 characters in its header, at column 2") as caught:
        names("a", "abcde", most_characters=4)
    assert caught.value.code == "column_name_too_long"
