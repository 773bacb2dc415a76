"""A file on its way from a request into object storage, in bounded memory."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4, uuid5

import structlog

from penstock_api.blocking import in_thread
from penstock_api.problems import Problem
from penstock_runtime.errors import Retryable
from penstock_runtime.storage import BLOCK, LOST, UPLOADS, Storage

log = structlog.get_logger(__name__)

_REPEATS = UUID("5e6cbb3c-0a4c-4f0e-9f0e-6f5a1d0c2b47")
"""Name space of the ids of files that came with an Idempotency-Key."""


class Upload:
    """The file object that a multipart parser writes into. The object appears with `finish`, and only then.

    Raises Problem (too_large) in the middle, not at the end.
    """

    def __init__(self, storage: Storage, most: int) -> None:
        self.storage_key = f"{UPLOADS}/{uuid4()}"
        self.bytes = 0
        self._storage = storage
        self._most = most
        self._hash = hashlib.sha256()
        self._pending = bytearray()
        self._writer = in_thread(storage.writer, self.storage_key)
        self._finished = False
        self._kept = False

    @property
    def sha256(self) -> str:
        """Of what has been stored; of the whole file once it is finished."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Take the next piece. Whole blocks go on to storage."""
        self.bytes += len(data)
        if self.bytes > self._most:
            raise Problem("too_large", f"a file must not be larger than {self._most} bytes")
        self._pending += data
        if len(self._pending) >= BLOCK:
            self._flush()
        return len(data)

    def seek(self, offset: int) -> int:
        """The parser rewinds a file it has read to its end; there is nothing to rewind."""
        return offset

    def close(self) -> None:
        """Called by Flask at the end of the request; whether the object stays was decided before."""

    def finish(self) -> None:
        """Let the object appear in storage."""
        self._flush()
        with _storage_errors():
            in_thread(self._writer.close)
        self._finished = True

    def keep(self) -> None:
        """The object belongs to a row now, or may: it stays."""
        self._kept = True

    def end(self) -> None:
        """Leave nothing in storage, unless it is to be kept."""
        if self._kept:
            return
        if not self._finished:
            del self._writer  # dropped without being closed, it leaves nothing
            return
        try:
            in_thread(self._storage.delete, self.storage_key)
        except Retryable as error:
            log.warning("left_behind", key=self.storage_key, reason=error.message)

    def _flush(self) -> None:
        block = bytes(self._pending)
        self._pending.clear()
        with _storage_errors():
            in_thread(self._store, block)

    def _store(self, block: bytes) -> None:
        self._hash.update(block)
        self._writer.write(block)


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except LOST as error:
        raise Retryable("object storage did not take the file", code="storage_unavailable") from error


def file_id(tenant: str, key: str | None, sha256: str, name: str) -> UUID:
    """The id of an uploaded file. With an Idempotency-Key the same file has the same id again.

    So a repeat has the payload of the first request and gets its job, and another file under the same key does not.
    """
    return uuid5(_REPEATS, "\n".join([tenant, key, sha256, name])) if key is not None else uuid4()
