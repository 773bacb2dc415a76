"""Files: what was uploaded, and what jobs made."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import structlog
from flask import Response, request
from pydantic import BaseModel, Field
from sqlalchemy import Row, select

from penstock_api.auth import tenant
from penstock_api.blocking import in_thread
from penstock_api.documentation import problems_with_key
from penstock_api.downloads import DownloadHeaders, etag_of, is_known, part_of
from penstock_api.examples import FILE
from penstock_api.models import NoQuery
from penstock_api.openapi import ACCEPT_RANGES, CONTENT_RANGE, ETAG, header, named
from penstock_api.problems import not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_runtime.errors import Rejected
from penstock_runtime.schema import files

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"
"""A report is a page of somebody's data. Opened in a browser it may look as it likes, but do nothing."""

log = structlog.get_logger(__name__)

routes = with_key("files", "What was uploaded, and what jobs made")


def disposition(name: str) -> str:
    """The header that names a file to be saved, for old clients in ASCII, for all others whole (RFC 6266, RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


_BYTES = {"*/*": {"examples": named({"a_CSV": "month,amount\n2026-05,17\n"})}}
_ETAG = {"ETag": header(ETAG)}
_HEADERS = _ETAG | {
    "Accept-Ranges": header(ACCEPT_RANGES),
    "Content-Disposition": {
        "description": "its name (RFC 6266)",
        "required": True,
        "schema": {"type": "string"},
        "example": disposition("sales.csv"),
    },
}
_RANGE = {CONTENT_RANGE: header(CONTENT_RANGE)}
_ANSWERS: dict[int, Any] = {
    200: {"description": "The file", "headers": _HEADERS, "content": _BYTES},
    206: {"description": "The part that was asked for", "headers": _HEADERS | _RANGE, "content": _BYTES},
    304: {"description": "The client has it already", "headers": _ETAG},
}
_PROBLEMS = problems_with_key("not_found", "precondition_failed", "range_not_satisfiable", "storage_unavailable")


class FilePath(BaseModel):
    """Which file."""

    file_id: Annotated[
        UUID,
        Field(description="as an upload or the result of a report told it", json_schema_extra={"example": FILE}),
    ]


@routes.get("/files/<uuid:file_id>", responses=_ANSWERS | _PROBLEMS)
def download_file(path: FilePath, header: DownloadHeaders, query: NoQuery) -> Response:
    """Download a file

    The whole of it, or one range. What is stored under an id never changes, so a download that was cut off goes on with
    `Range` and `If-Range`. Several ranges at once get the whole file. HEAD gives the headers alone.
    """
    with services().transaction() as connection:
        row = connection.execute(
            select(files).where(files.c.id == path.file_id, files.c.tenant == tenant())
        ).one_or_none()
    if row is None:
        raise not_found("file")
    # Kept by whoever asked, and asked for again each time: the key may have been revoked.
    kept = {"ETag": etag_of(row.sha256), "Cache-Control": "private, no-cache"}
    if is_known(header, row.sha256):
        return Response(status=304, headers=kept)
    part = None if request.method == "HEAD" else part_of(header, row.sha256, row.bytes)
    start, stop = (part.start, part.stop) if part else (0, row.bytes)
    response = Response(_content(row, start, stop), 206 if part else 200, kept, mimetype=row.media_type)
    if part:
        response.headers["Content-Range"] = part.content_range
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Length"] = str(stop - start)
    response.headers["Content-Disposition"] = disposition(row.name)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _content(row: Row[Any], start: int, stop: int) -> Iterator[bytes]:
    """The file's bytes between the two.

    Raises while the answer can still be another one: Problem (not_found), Retryable.
    """
    storage = services().storage
    try:
        if request.method == "HEAD":
            in_thread(storage.size, row.storage_key)
            return iter(())
        blocks = storage.read(row.storage_key, start=start, stop=stop)
        return chain([in_thread(next, blocks, b"")], _rest(blocks))
    except Rejected as error:
        log.error("object_missing", file=str(row.id), key=row.storage_key)
        raise not_found("file") from error


def _rest(blocks: Iterator[bytes]) -> Iterator[bytes]:
    while block := in_thread(next, blocks, b""):
        yield block
