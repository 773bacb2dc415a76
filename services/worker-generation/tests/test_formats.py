"""How numbers and texts of a dataset are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_worker_generation.formats import figure, one_line, percent
from penstock_worker_generation.store import LONGEST_NAME, safe_name


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (110101199003071234, "110,101,199,003,071,234"),
        (-1234.5, "-1,234.5"),
        (5.0, "5"),
        (12.3456, "12.35"),
        (0.0123456, "0.01235"),
        (1.5e-9, "1.5e-09"),
        (2.5e90, "2.5e+90"),
    ],
)
def test_numbers_are_written_for_people(number, written):
    assert figure(number) == written


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (0, 10, "0 %"),
        (1, 8, "12.5 %"),
        (10, 10, "100 %"),
        (1, 100_000, "< 0.1 %"),
        (99_999, 100_000, "> 99.9 %"),
        (0, 0, "–"),
    ],
)
def test_a_share_is_none_or_all_only_where_it_is(part, whole, written):
    assert percent(part, whole).replace("\u00a0", " ") == written


@pytest.mark.parametrize(
    ("text", "width", "written"),
    [
        ("abcdefgh", 8, "abcdefgh"),
        ("abcdefghi", 8, "abcdefg…"),
        ("数据数据", 8, "数据数据"),
        ("数据数据集", 8, "数据数…"),
        ("two\nlines\tand\x00more", 40, "two lines and more"),
        ("\u202eevil\u2066\u200b", 8, "evil"),
        ("  ", 8, ""),
    ],
)
def test_a_text_is_shown_on_one_line_of_bounded_width(text, width, written):
    assert one_line(text, width) == written


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_any_title_becomes_a_name_that_stays_in_its_folder(title):
    name = safe_name(title)
    assert 0 < len(name.encode()) <= LONGEST_NAME
    assert not set(name) & set('/\\:*?"<>|\n\x00')
    assert name == name.strip(". ")


def test_a_title_is_cut_between_characters_where_it_is_too_long():
    assert safe_name("汉" * 66 + "ab") == "汉" * 66 + "ab"
    assert safe_name("汉" * 67) == "汉" * 66


def test_a_chinese_title_stays_readable_as_a_name():
    assert safe_name("2024/2025 年：订单") == "2024 2025 年：订单"
    assert safe_name("../..") == "report"
