"""Object storage in a folder."""

import random
from pathlib import Path

import pytest

from penstock_runtime.errors import Rejected, Retryable
from penstock_runtime.storage import BLOCK, Storage


def test_an_object_that_shrinks_while_it_is_read_is_read_again_later(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}")
    storage.write("key", b"x" * 4 * BLOCK)
    blocks = storage.read("key")
    assert len(next(blocks)) == BLOCK
    (tmp_path / "key").write_bytes(b"x")
    with pytest.raises(Retryable) as caught:
        list(blocks)
    assert caught.value.code == "storage_unavailable"


def test_a_key_that_does_not_exist_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        list(Storage(f"file://{tmp_path}").read("key"))
    assert caught.value.code == "file_missing"


@pytest.mark.parametrize("folder", ["plain", "with spaces", "with %20 in it", "有中文", "a+b&c=d"])
def test_a_folder_may_be_called_anything(tmp_path: Path, folder: str) -> None:
    url = (tmp_path / folder).as_uri()
    Storage(url).write("a/key", b"content")
    assert (tmp_path / folder / "a" / "key").read_bytes() == b"content"
    assert b"".join(Storage(url).read("a/key")) == b"content"


def test_an_object_is_replaced_whole(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    storage.write("key", b"a longer content")
    storage.write("key", b"short")
    assert b"".join(storage.read("key")) == b"short"


def test_a_large_object_comes_in_pieces_and_from_where_it_is_asked_for(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    content = bytes(range(256)) * 4096 * 5
    storage.write("key", content)
    pieces = list(storage.read("key"))
    assert max(len(piece) for piece in pieces) <= BLOCK
    assert b"".join(pieces) == content
    assert b"".join(storage.read("key", start=BLOCK + 7)) == content[BLOCK + 7 :]


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 0), (0, 1), (7, BLOCK), (BLOCK - 1, BLOCK + 1), (5, 2 * BLOCK + 5), (BLOCK, 3 * BLOCK)]
)
def test_a_part_of_an_object_is_read_to_the_byte(tmp_path: Path, start: int, stop: int) -> None:
    storage = Storage(tmp_path.as_uri())
    content = random.Random(17).randbytes(3 * BLOCK)
    storage.write("key", content)
    pieces = list(storage.read("key", start=start, stop=stop))

    assert b"".join(pieces) == content[start:stop]
    assert max(map(len, pieces), default=0) <= BLOCK


def test_an_object_that_ends_before_the_part_does_is_an_error_and_not_a_short_answer(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    storage.write("key", b"short")
    blocks = storage.read("key", stop=100)
    with pytest.raises(Retryable) as caught:
        list(blocks)
    assert caught.value.code == "storage_unavailable"


def test_an_object_has_a_size(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    storage.write("key", b"content")

    assert storage.size("key") == 7
    with pytest.raises(Rejected):
        storage.size("another")


def test_what_is_streamed_appears_when_it_is_closed(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    with storage.writer("key") as file:
        file.write(b"first ")
        with pytest.raises(Rejected):
            list(storage.read("key"))
        file.write(b"second")
    assert b"".join(storage.read("key")) == b"first second"


def test_deleting_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    storage.write("key", b"content")
    storage.delete("key")
    storage.delete("key")
    with pytest.raises(Rejected):
        list(storage.read("key"))


def test_a_key_leads_nowhere_outside_the_folder(tmp_path: Path) -> None:
    storage = Storage((tmp_path / "inner").as_uri())
    (tmp_path / "secret").write_bytes(b"secret")
    with pytest.raises(ValueError, match="path"):
        list(storage.read("../secret"))


def test_a_store_that_takes_nothing_is_tried_again_later(tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri())
    (tmp_path / "key").mkdir()
    with pytest.raises(Retryable) as refused:
        storage.write("key", b"content")
    assert refused.value.code == "storage_unavailable"
