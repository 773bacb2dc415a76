"""A file's bytes as text: the first that say something tell the encoding, then every one is checked."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from penstock_runtime.errors import Rejected
from penstock_worker_dataset.detection import (
    GB18030,
    UTF_8,
    UTF_16_BE,
    UTF_16_LE,
    byte_order_mark,
    looks_binary,
    utf_8_or_gb18030,
    utf_16_without_mark,
)

SHOWN = {UTF_8: "UTF-8", GB18030: "GB18030", UTF_16_LE: "UTF-16 LE", UTF_16_BE: "UTF-16 BE"}
"""The encodings that are read, and their names towards people."""

_READ = "UTF-8, GB18030 and UTF-16 can be read"

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


class Text:
    """Iterates once over a file's text in pieces of about its blocks' size, holding little more than one.

    `encoding` is what was found so far: utf-8, gb18030, utf-16-le or utf-16-be. ASCII alone is utf-8.
    A byte order mark is no part of the text. The first piece has the whole sample, or the whole file.

    Raises Rejected: bad_encoding at the first byte that cannot be decoded, unsupported_encoding, not_text.
    """

    def __init__(self, name: str, blocks: Iterable[bytes], *, sample_bytes: int) -> None:
        self.name = name
        self.encoding = UTF_8
        self._blocks = iter(blocks)
        self._sample_bytes = sample_bytes
        self._offset = 0
        self._line = 1
        self._after_return = False

    def __iter__(self) -> Iterator[str]:
        for text in self._decoded(self._gathered(b"", self._sample_bytes)):
            self._check_no_nul(text)
            self._count_lines(text)
            if text:
                yield text

    def _decoded(self, head: bytes) -> Iterator[str]:
        mark = byte_order_mark(head)
        if mark:
            self.encoding, self._offset = mark
            return self._strictly(head[self._offset :])
        if b"\0" in head:
            encoding = utf_16_without_mark(head)
            if encoding is None:
                raise self._not_text("it contains NUL bytes")
            self.encoding = encoding
            return self._strictly(head)
        self._check_no_binary(head)
        return self._ascii_first(head)

    def _ascii_first(self, block: bytes) -> Iterator[str]:
        """As long as all is ASCII, UTF-8 and GB18030 are the same: the sample begins where they part."""
        while block and block.isascii():
            self._offset += len(block)
            yield block.decode("ascii")
            block = next(self._blocks, b"")
        first = _BEYOND_ASCII.search(block)
        if first:
            block = self._gathered(block, first.start() + self._sample_bytes)
            self.encoding = self._detected(block[first.start() : first.start() + self._sample_bytes])
            yield from self._strictly(block)

    def _detected(self, sample: bytes) -> str:
        self._check_no_binary(sample)
        encoding = utf_8_or_gb18030(sample)
        if encoding not in SHOWN:
            raise Rejected(
                f"{self.name} seems to be in the encoding {encoding}. {_READ}: save it as UTF-8",
                code="unsupported_encoding",
            )
        return encoding

    def _strictly(self, first: bytes) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self.encoding)()
        for block in chain([first], self._blocks, [b""]):
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise self._bad_byte(error, self._offset - pending) from error
            self._offset += len(block)
            yield text

    def _bad_byte(self, error: UnicodeDecodeError, begins: int) -> Rejected:
        before = error.object[: error.start].decode(self.encoding)
        self._check_no_nul(before)
        self._count_lines(before)
        byte, offset = error.object[error.start], begins + error.start
        return Rejected(
            f"{self.name} is not valid {SHOWN[self.encoding]}: the byte 0x{byte:02X} at offset {offset} "
            f"(counted from 0), on line {self._line}, begins no valid character. {_READ}",
            code="bad_encoding",
        )

    def _gathered(self, block: bytes, most: int) -> bytes:
        """The block and as many of the next ones as it takes to have `most` bytes."""
        parts, size = [block], len(block)
        while size < most and (more := next(self._blocks, b"")):
            parts.append(more)
            size += len(more)
        return b"".join(parts)

    def _check_no_binary(self, sample: bytes) -> None:
        if looks_binary(sample):
            raise self._not_text("it contains control characters, as programs, pictures and archives do")

    def _check_no_nul(self, text: str) -> None:
        at = text.find("\0")
        if at >= 0:
            self._count_lines(text[:at])
            raise self._not_text(f"line {self._line} contains a NUL character")

    def _not_text(self, why: str) -> Rejected:
        return Rejected(f"{self.name} is not a text file: {why}", code="not_text")

    def _count_lines(self, text: str) -> None:
        """A line ends with \\n, \\r or \\r\\n."""
        self._line += text.count("\n") + text.count("\r") - text.count("\r\n")
        if self._after_return and text.startswith("\n"):
            self._line -= 1
        self._after_return = text.endswith("\r") if text else self._after_return
