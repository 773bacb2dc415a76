"""Object storage in a folder."""

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
