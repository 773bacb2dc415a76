"""CSV text to rows, and each bound at its limit."""

import csv
from collections.abc import Iterable
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_runtime.errors import Rejected
from penstock_runtime.settings import load
from penstock_worker_dataset import csv_rows
from penstock_worker_dataset.csv_rows import read_csv
from penstock_worker_dataset.encoding import Text
from penstock_worker_dataset.settings import DatasetSettings


def pieces(text: str, size: int) -> Iterable[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def rows(text: str, *, piece: int = 1_000_000, **bounds: int) -> list[list[str]]:
    table = read_csv("x.csv", pieces(text, piece), load(DatasetSettings, **bounds))
    return [table.columns, *(row for batch in table.batches for row in batch)]


def refused(text: str, **bounds: int) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        rows(text, **bounds)
    assert caught.value.message.startswith("x.csv ")
    return caught.value.code, caught.value.message


def test_cells_keep_their_text_as_it_stood() -> None:
    text = 'a,b\n 007 ,"1,5"\n"say ""hi""","two\r\nlines"\n+1,\u2028\n'
    assert rows(text)[1:] == [[" 007 ", "1,5"], ['say "hi"', "two\r\nlines"], ["+1", "\u2028"]]


def test_a_quote_within_an_unquoted_cell_is_a_character_like_others() -> None:
    assert rows('size,n\n5" pipe,3\n')[1:] == [['5" pipe', "3"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_any_line_end_ends_a_row(end: str, piece: int) -> None:
    text = end.join(["a,b", "1,2", "", "3,4"])
    assert rows(text, piece=piece) == rows(text + end, piece=piece) == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_a_header_alone_is_a_table_without_rows() -> None:
    assert rows("a,b\n") == rows("a,b") == [["a", "b"]]


@pytest.mark.parametrize("text", ["", "\n", "\r\n\n\r"])
def test_a_file_without_a_header_is_empty(text: str) -> None:
    assert refused(text)[0] == "empty_file"


@pytest.mark.parametrize(("row", "cells"), [("1", "1 cell"), ("1,2,3", "3 cells"), ("1,2,3,", "4 cells")])
def test_a_row_with_another_number_of_cells_is_named_by_its_number(row: str, cells: str) -> None:
    code, message = refused(f"a,b\n1,2\n\n{row}\n3,4\n")
    assert (code, message) == ("ragged_row", f"x.csv has {cells} in row 4, but 2 cells in its header")


def test_a_quote_that_is_never_closed_is_named_by_the_row_it_opens_in() -> None:
    code, message = refused('a,b\n1,"x\ny"\n2,"open\n3,4\n5,6\n')
    assert (code, message) == (
        "unterminated_quote",
        "x.csv ends within a quoted cell, which begins in row 3 (line 4)",
    )


def test_text_behind_a_closing_quote_is_named_by_its_row() -> None:
    code, message = refused('a,b\n"x"y,1\n')
    assert code == "bad_quote"
    assert "in row 2;" in message


def test_a_line_as_long_as_allowed_is_fine_and_a_longer_one_is_not() -> None:
    assert rows("abc,def\r\n12345,7\r\n", dataset_line_characters=7)[1] == ["12345", "7"]
    code, message = refused("abc,def\r\n12345,78\r\n", dataset_line_characters=7)
    assert (code, message) == ("line_too_long", "x.csv has a line with more than 7 characters: line 2")


def test_the_lines_of_one_row_count_as_one() -> None:
    assert rows('a,b\n"1\n2",3\n', dataset_line_characters=7)[1] == ["1\n2", "3"]
    assert refused('a,b\n"1\n2",34\n', dataset_line_characters=7)[1].endswith("line 2")


def test_an_endless_line_is_refused_when_little_of_it_was_read() -> None:
    given_out = 0

    def endless() -> Iterable[str]:
        nonlocal given_out
        yield "a,b\n"
        while True:
            given_out += 1000
            yield "x" * 1000

    table = read_csv("x.csv", endless(), load(DatasetSettings, dataset_line_characters=5000))
    with pytest.raises(Rejected) as caught:
        list(table.batches)
    assert caught.value.code == "line_too_long"
    assert given_out <= 6000


def test_a_cell_as_long_as_allowed_is_fine_and_a_longer_one_is_not() -> None:
    assert rows('a,b\n12345,"6789\n"\n', dataset_cell_characters=5)[1] == ["12345", "6789\n"]
    code, message = refused("a,b\n1,2\n1,123456\n", dataset_cell_characters=5)
    assert code == "cell_too_long"
    assert "more than 5 characters in row 3" in message


def test_as_many_columns_as_allowed_are_fine_and_one_more_is_not() -> None:
    assert rows("a,b\n", dataset_columns=2) == [["a", "b"]]
    assert refused("a,b,c\n", dataset_columns=2)[0] == "too_many_columns"


def test_a_column_name_as_long_as_allowed_is_fine_and_a_longer_one_is_not() -> None:
    assert rows("abc,b\n", dataset_column_name_characters=3) == [["abc", "b"]]
    assert refused("abcd,b\n", dataset_column_name_characters=3)[0] == "column_name_too_long"


def test_as_many_rows_as_allowed_are_fine_and_one_more_is_not() -> None:
    assert len(rows("a\n1\n2\n3\n", dataset_rows=3)) == 4
    assert refused("a\n1\n2\n3\n4\n", dataset_rows=3) == ("too_many_rows", "x.csv has more than 3 rows")


def test_a_batch_is_bounded_in_rows_and_in_characters() -> None:
    settings = load(DatasetSettings)
    many = read_csv("x.csv", ["a\n" + "1\n" * (csv_rows.BATCH_ROWS + 1)], settings)
    assert [len(batch) for batch in many.batches] == [csv_rows.BATCH_ROWS, 1]
    large = read_csv("x.csv", ["a\n" + ("x" * 600_000 + "\n") * 5], settings)
    assert [len(batch) for batch in large.batches] == [2, 2, 1]


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)


@given(
    data=st.integers(2, 5).flatmap(lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1)),
    piece=st.integers(1, 30),
    # Python's writer leaves \r unquoted where it is no part of the line's end.
    dialect=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL)]),
)
def test_whatever_a_csv_writer_wrote_is_read_back(data: list[list[str]], piece: int, dialect: tuple[str, int]) -> None:
    end, quoting = dialect
    file = StringIO(newline="")
    csv.writer(file, lineterminator=end, quoting=quoting).writerows(data)
    header = [f"name {number}" for number in range(len(data[0]))]
    table = read_csv("x.csv", [",".join(header) + end, *pieces(file.getvalue(), piece)], load(DatasetSettings))
    assert [table.columns, *(row for batch in table.batches for row in batch)] == [header, *data]


chinese_cell = st.text(
    st.sampled_from('的一是在不了有和人这中大为上个国我以要他时来用们，。abc,;|\t"\n 0123'), max_size=10
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@given(data=st.lists(st.tuples(chinese_cell, chinese_cell, chinese_cell), min_size=1), block=st.integers(1, 30))
def test_chinese_rows_come_back_from_every_encoding(
    encoding: str, data: list[tuple[str, str, str]], block: int
) -> None:
    file = StringIO(newline="")
    csv.writer(file).writerows([("姓名", "年龄", "城市"), *data])
    content = file.getvalue().encode(encoding)
    blocks = (content[at : at + block] for at in range(0, len(content), block))
    table = read_csv("x.csv", Text("x.csv", blocks, sample_bytes=64), load(DatasetSettings))
    assert table.columns == ["姓名", "年龄", "城市"]
    assert [tuple(row) for batch in table.batches for row in batch] == data
