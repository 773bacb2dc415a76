"""Bytes to text: which encoding is found, and what is said about the first byte that is wrong."""

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_runtime.errors import Rejected
from penstock_worker_dataset.encoding import Text

CHINESE = "姓名,年龄,城市\n张三,20,北京\n李四,31,上海\n王小明,27,广州\n"
TRADITIONAL = "繁體中文維基百科是維基百科協作計劃的中文版本，國際間許多媒體對於此計劃給予關注，讓內容的質量受到懷疑。\n"
FRENCH = "prénom,été,forêt\nAndré,père,mère\nZoé,élève,naïve\n"


def read(content: bytes, *, block: int = 7, sample: int = 4096) -> Text:
    blocks = (content[at : at + block] for at in range(0, len(content), block))
    return Text("x.csv", blocks, sample_bytes=sample)


def refused(content: bytes, **options: int) -> Rejected:
    with pytest.raises(Rejected) as caught:
        "".join(read(content, **options))
    return caught.value


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("gb18030", b""),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
@pytest.mark.parametrize("text", [CHINESE, TRADITIONAL])
def test_an_encoding_is_recognised_and_its_mark_is_no_text(encoding: str, mark: bytes, text: str) -> None:
    found = read(mark + text.encode(encoding))
    assert "".join(found) == text
    assert found.encoding == encoding


def test_ascii_is_utf_8() -> None:
    found = read(b"a,b\n1,2\n")
    assert ("".join(found), found.encoding) == ("a,b\n1,2\n", "utf-8")


def test_an_empty_file_has_no_text() -> None:
    assert list(read(b"")) == list(read(b"\xef\xbb\xbf")) == []


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_an_encoding_that_shows_only_far_behind_the_sample_is_recognised(encoding: str) -> None:
    text = "plain,ascii\n" * 1000 + CHINESE
    found = read(text.encode(encoding), block=100, sample=64)
    assert "".join(found) == text
    assert found.encoding == encoding


def test_western_letters_in_utf_8_are_not_taken_for_gb18030() -> None:
    found = read(FRENCH.encode())
    assert ("".join(found), found.encoding) == (FRENCH, "utf-8")


@pytest.mark.parametrize("word", ["联通", "中文", "价格", "汉字编码"])
def test_two_characters_of_gb18030_are_enough(word: str) -> None:
    found = read(f"name\n{word}\n".encode("gb18030"))
    assert ("".join(found), found.encoding) == (f"name\n{word}\n", "gb18030")


def test_characters_that_only_gb18030_has_are_read() -> None:
    text = "名称,𠀀𠀁,ᠮᠣᠩ\n"
    found = read(text.encode("gb18030"))
    assert ("".join(found), found.encoding) == (text, "gb18030")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "UTF-8"), ("gb18030", "GB18030")],
)
def test_a_broken_byte_is_named_with_encoding_offset_and_line(encoding: str, shown: str) -> None:
    before = CHINESE.encode(encoding)
    error = refused(before + b"abc\xff,1,2\n" + before)
    assert error.code == "bad_encoding"
    assert f"not valid {shown}: the byte 0xFF at offset {len(before) + 3} (counted from 0), on line 5" in error.message
    assert error.message.startswith("x.csv ")


def test_offsets_are_counted_from_the_files_first_byte_also_behind_a_mark() -> None:
    assert "offset 4 " in refused(b"\xef\xbb\xbfa\xff").message


def test_a_broken_byte_far_behind_the_sample_is_found() -> None:
    line = "数据,1\n".encode()
    error = refused(line * 5000 + b"\xfe" + line, block=1000, sample=64)
    assert f"offset {5000 * len(line)} " in error.message
    assert "on line 5001" in error.message


def test_a_character_cut_by_the_files_end_is_broken() -> None:
    error = refused("数据".encode()[:-1])
    assert (error.code, "offset 3 " in error.message) == ("bad_encoding", True)


@pytest.mark.parametrize("broken", [b"\xff", b"\x80", b"\xe4\xb8", b"\xc3(", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_one_broken_byte_does_not_turn_utf_8_into_gb18030(broken: bytes) -> None:
    before = "城市,数量\n北京,".encode()
    error = refused(before + broken + "\n上海,2\n".encode())
    place = f"the byte 0x{broken[0]:02X} at offset {len(before)} (counted from 0), on line 2"
    assert f"not valid UTF-8: {place}" in error.message


def test_a_lone_byte_that_fits_nothing_is_bad_utf_8() -> None:
    error = refused(b"a,b\n1,\xff\n")
    assert (error.code, "UTF-8: the byte 0xFF at offset 6" in error.message) == ("bad_encoding", True)


def test_half_a_surrogate_in_utf_16_is_named_by_its_offset() -> None:
    error = refused(b"\xff\xfe" + "a\n".encode("utf-16-le") + b"\x00\xd8" + "b\n".encode("utf-16-le"))
    assert "not valid UTF-16 LE: the byte 0x00 at offset 6 (counted from 0), on line 2" in error.message


def test_an_odd_last_byte_in_utf_16_is_broken() -> None:
    assert refused(CHINESE.encode("utf-16")[:-1]).code == "bad_encoding"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("big5", TRADITIONAL),
        ("shift_jis", "日本語のテキストです。文字コードの判定\n"),
        ("cp1252", "Müßiggänger übt\n"),
    ],
)
def test_another_encoding_is_refused_by_its_name_rather_than_misread(encoding: str, text: str) -> None:
    error = refused(text.encode(encoding))
    assert error.code == "unsupported_encoding"
    assert encoding in error.message


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0",
        b"PK\x03\x04\x14\0\0\0\x08\0",
        b"a,b\n1,\x002\n",
        "名字\n张\0三\n".encode(),
        "名字\n张\0三\n".encode("gb18030"),
        bytes(range(1, 256)),
        random.Random(1).randbytes(100_000).replace(b"\0", b""),
    ],
    ids=["png", "zip", "one NUL", "one NUL in UTF-8", "one NUL in GB18030", "every byte", "random bytes"],
)
def test_a_binary_file_is_called_no_text(content: bytes) -> None:
    error = refused(content)
    assert error.code == "not_text"
    assert error.message.startswith("x.csv is not a text file: ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_nul_behind_the_sample_is_named_by_its_line(encoding: str) -> None:
    error = refused(("数据\n" * 100 + "a\0b").encode(encoding), sample=64)
    assert error.message == "x.csv is not a text file: line 101 contains a NUL character"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("block", [1, 2, 3, 1000])
def test_any_line_end_counts_as_one_line(end: str, block: int) -> None:
    before = f"一{end}{end}二{end}".encode()
    assert "on line 4" in refused(before + b"\xff", block=block, sample=1).message


any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
chinese_text = st.text(st.sampled_from("的一是在不了有和人这中大为上个国我以要他时来用们，。abc,\n0123"))


@given(text=any_text, block=st.integers(1, 50))
def test_any_text_comes_back_from_utf_8_and_from_marked_utf_16(text: str, block: int) -> None:
    for content in (b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
        assert "".join(read(content, block=block, sample=64)) == text


@given(text=chinese_text, block=st.integers(1, 50))
def test_chinese_text_comes_back_from_every_encoding(text: str, block: int) -> None:
    for encoding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        content = (CHINESE + text).encode(encoding)
        assert "".join(read(content, block=block, sample=64)) == CHINESE + text


@given(content=st.binary(max_size=300), block=st.integers(1, 50))
def test_any_bytes_are_exactly_their_text_or_refused(content: bytes, block: int) -> None:
    found = read(content, block=block, sample=64)
    with suppress(Rejected):
        text = "".join(found)
        marks = (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
        assert content in [mark + text.encode(found.encoding) for mark in marks]
