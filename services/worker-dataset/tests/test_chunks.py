"""Texts to chunks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_worker_dataset.chunks import split

ZH = "水电站的压力钢管把水引向水轮机，闸门的开度随来水而变。没有水的时候，它就关上。"
EN = "A penstock feeds the turbine. Its gate opens as wide as the water demands, and closes when there is none. "


def chunks(text: str, *, most: int = 100, file_format: str = "txt", piece: int = 1_000_000) -> list[str]:
    pieces = (text[at : at + piece] for at in range(0, len(text), piece))
    return list(split(pieces, most=most, file_format="md" if file_format == "md" else "txt"))


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_paragraphs_that_fit_stay_whole() -> None:
    assert chunks(f"{ZH}\n\n{EN}\n\n{ZH}\n", most=120) == [ZH, EN.strip(), ZH]


def test_a_long_paragraph_is_split_between_sentences() -> None:
    assert chunks(EN * 3, most=len(EN)) == [EN.strip()] * 3


def test_markdown_is_split_at_its_headings() -> None:
    text = f"# One\n\n{EN}\n\n# Two\n\n{EN}\n"
    assert chunks(text, most=150, file_format="md") == [f"# One\n\n{EN.strip()}", f"# Two\n\n{EN.strip()}"]


@pytest.mark.parametrize("file_format", ["txt", "md"])
def test_a_chunk_may_have_as_many_characters_as_allowed_and_no_more(file_format: str) -> None:
    assert chunks("x" * 50, most=50, file_format=file_format) == ["x" * 50]
    assert chunks("x" * 51, most=50, file_format=file_format) == ["x" * 50, "x"]


@pytest.mark.parametrize("text", ["", " \n\n\t ", "\u3000\n" * 100_000])
def test_blanks_alone_make_no_chunk(text: str) -> None:
    assert chunks(text) == []


def test_the_end_of_a_window_is_no_border() -> None:
    text = "\n\n".join(itertools.islice(itertools.cycle([ZH * 3, EN * 2, ZH]), 3000))
    assert chunks(text, most=200, piece=40_000) == chunks(text, most=200, piece=1_000_003)
    assert sum(len(chunk) < 30 for chunk in chunks(text, most=200)) == 0


def test_a_word_between_very_many_blanks_is_kept() -> None:
    blanks = " " * 200_000
    assert chunks(f"{blanks}one{blanks}two{blanks}") == ["one", "two"]


@given(
    text=st.text(st.sampled_from("ab。.,!# \n\r\t*`>-|水") | st.characters(exclude_categories=["Cs"])),
    most=st.integers(1, 20),
    piece=st.integers(1, 30),
    file_format=st.sampled_from(["txt", "md"]),
)
def test_chunks_joined_contain_all_text(text: str, most: int, piece: int, file_format: str) -> None:
    found = chunks(text, most=most, piece=piece, file_format=file_format)
    assert squeezed("".join(found)) == squeezed(text)
    assert all(0 < len(chunk) <= most for chunk in found)
