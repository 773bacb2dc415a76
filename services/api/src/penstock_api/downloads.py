"""What of a file is to be sent: all, a part, or nothing (RFC 9110: 13 conditional requests, 14 range requests)."""

from dataclasses import dataclass

from pydantic import Field
from werkzeug.http import parse_etags, parse_range_header

from penstock_api.models import Parameters
from penstock_api.problems import Problem

_Header = str | None


class DownloadHeaders(Parameters):
    """Which part of a file, and on what condition."""

    range: _Header = Field(None, alias="Range", description="one range, such as `bytes=0-999` or `bytes=-500`")
    if_range: _Header = Field(None, alias="If-Range", description="an ETag: the whole file where it is another's")
    if_none_match: _Header = Field(None, alias="If-None-Match", description="ETags: 304 where one is the file's")
    if_match: _Header = Field(None, alias="If-Match", description="ETags: 412 where none is the file's")


@dataclass(frozen=True)
class Part:
    """The bytes from `start` up to `stop` of a file of `size`."""

    start: int
    stop: int
    size: int

    @property
    def content_range(self) -> str:
        """As the header has it."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def etag_of(sha256: str) -> str:
    """A strong ETag: what has it is the same to the byte."""
    return f'"{sha256}"'


def is_known(headers: DownloadHeaders, sha256: str) -> bool:
    """Whether the client has this content already. Raises Problem (precondition_failed) where it asked for another."""
    if headers.if_match is not None and sha256 not in parse_etags(headers.if_match):
        raise Problem("precondition_failed", "If-Match names another file than this one")
    return headers.if_none_match is not None and parse_etags(headers.if_none_match).contains_weak(sha256)


def part_of(headers: DownloadHeaders, sha256: str, size: int) -> Part | None:
    """The part that is to be sent; None: the whole file.

    That is also sent where several ranges are asked for, a unit that is not bytes, or the rest of another file.
    Raises Problem (range_not_satisfiable).
    """
    asked = headers.range
    if asked is None or (headers.if_range is not None and headers.if_range.strip() != etag_of(sha256)):
        return None
    unit, _, ranges = asked.partition("=")
    if unit.strip().lower() != "bytes" or "," in ranges:
        return None
    parsed = parse_range_header(asked)
    begin, end = parsed.ranges[0] if parsed else (size, None)
    start = max(0, size + begin) if begin < 0 else begin  # of a file shorter than the suffix: all (14.1.2)
    stop = size if end is None else min(end, size)
    if start >= stop:
        raise Problem(
            "range_not_satisfiable",
            f"Range must be such as bytes=0-999 or bytes=-500, and begin within the file's {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return Part(start, stop, size)
