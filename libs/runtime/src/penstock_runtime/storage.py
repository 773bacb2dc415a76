"""Object storage: files by key, in a folder or any store that obstore knows (S3, GCS, Azure).

Its calls do not yield to gevent: a gevent process calls them through `gevent.get_hub().threadpool`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from penstock_runtime.errors import Rejected, Retryable

if TYPE_CHECKING:
    from obstore import WritableFile

BLOCK = 1024 * 1024
"""Bytes moved at a time."""

UPLOADS = "uploads"
REPORTS = "reports"
"""The folders that files lie in. Each of them has a row that names it, or will be swept."""

PAGE = 1000
"""Objects that are listed at a time."""

LOST = (BaseError, OSError)
"""What a reader or a writer raises when the store fails it; obstore's own functions raise BaseError."""


@dataclass(frozen=True)
class Stored:
    """One object: its key, and when it was written, by the store's clock."""

    key: str
    at: datetime


class Storage:
    """One store. Raises Retryable where it does not answer, Rejected where a key does not exist."""

    def __init__(self, url: str) -> None:
        self._store = open_store(url)

    def write(self, key: str, content: bytes) -> None:
        """Put a whole object, replacing what lies under the key. It is there entirely or not at all."""
        try:
            obstore.put(self._store, key, content)
        except BaseError as error:
            raise Retryable(f"object storage did not take {key}", code="storage_unavailable") from error

    def writer(self, key: str) -> WritableFile:
        """A file object that streams into an object, which appears when it is closed. Raises LOST."""
        return obstore.open_writer(self._store, key, buffer_size=8 * BLOCK)

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The object's bytes from `start` up to `stop` (default: its end), in pieces of at most `BLOCK` bytes.

        Raises Retryable too where the object ends before `stop`.
        """
        most = BLOCK if stop is None else max(1, min(BLOCK, stop - start))
        try:
            reader = obstore.open_reader(self._store, key, buffer_size=most)
            reader.seek(start)
            while (stop is None or start < stop) and (block := bytes(reader.read(most))):
                start += len(block)
                most = most if stop is None else min(most, stop - start)
                yield block
        except FileNotFoundError as error:
            raise _missing(key) from error
        except LOST as error:
            raise _not_given(key) from error
        if stop is not None and start < stop:
            raise _not_given(key)

    def size(self, key: str) -> int:
        """The object's length in bytes."""
        try:
            return obstore.head(self._store, key)["size"]
        except FileNotFoundError as error:
            raise _missing(key) from error
        except BaseError as error:
            raise _not_given(key) from error

    def list(self, folder: str) -> Iterator[list[Stored]]:
        """All objects in a folder and below it, up to `PAGE` of them at a time."""
        try:
            for page in obstore.list(self._store, prefix=folder, chunk_size=PAGE):
                yield [Stored(one["path"], one["last_modified"]) for one in page]
        except BaseError as error:
            raise Retryable(f"object storage did not list {folder}", code="storage_unavailable") from error

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            pass
        except BaseError as error:
            raise Retryable(f"object storage did not delete {key}", code="storage_unavailable") from error


def open_store(url: str) -> ObjectStore:
    """The store a URL names. The folder of a `file://` URL is made."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        Path(unquote(parts.path)).mkdir(parents=True, exist_ok=True)
    return from_url(url)


def _missing(key: str) -> Rejected:
    return Rejected(f"no file is stored under {key}", code="file_missing")


def _not_given(key: str) -> Retryable:
    return Retryable(f"object storage did not give {key}", code="storage_unavailable")
