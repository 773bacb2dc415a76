"""Which delimiter a CSV file has."""

import pytest

from penstock_worker_dataset.delimiter import DELIMITERS, SAMPLE_CHARACTERS, delimiter_of


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_each_delimiter_is_found(delimiter: str) -> None:
    rows = [["name", "age", "city"], ["Ann", "20", "Rome"], ["Bob", "31", "Oslo"]]
    assert delimiter_of("".join(delimiter.join(row) + "\n" for row in rows)) == delimiter


def test_a_decimal_comma_is_no_delimiter() -> None:
    assert delimiter_of("a;b\n1,5;2,5\n3,0;4,1\n") == ";"


def test_a_comma_in_the_header_is_no_delimiter_where_the_rows_have_none() -> None:
    assert delimiter_of("name;price, EUR\npen;1\nink;2\n") == ";"


def test_a_delimiter_within_quotes_does_not_count() -> None:
    assert delimiter_of('name|note\nAnn|"a, b, c"\nBob|"d, e"\n') == "|"


def test_one_column_is_comma_separated_whatever_its_rows_hold() -> None:
    assert delimiter_of("note\nthis; and that\nor | so\n") == ","


def test_ragged_rows_do_not_hide_the_delimiter_of_the_header() -> None:
    assert delimiter_of("a,b\n1,2,3\n4,5,6\n") == ","


def test_a_sample_that_ends_within_a_row_is_enough() -> None:
    assert delimiter_of("a;b,c\n" + "1;2\n" * SAMPLE_CHARACTERS) == ";"


def test_an_empty_sample_is_comma_separated() -> None:
    assert delimiter_of("") == delimiter_of("\n\n") == ","
