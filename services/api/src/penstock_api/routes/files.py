"""Files: what was uploaded, and what jobs made."""

from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote
from uuid import UUID

import structlog
from flask import Response
from pydantic import BaseModel
from sqlalchemy import select

from penstock_api.auth import tenant
from penstock_api.blocking import in_thread
from penstock_api.documentation import problems_with_key
from penstock_api.models import NoQuery
from penstock_api.problems import not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_runtime.errors import Rejected
from penstock_runtime.schema import files

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"
"""A report is a page of somebody's data. Opened in a browser it may look as it likes, but do nothing."""

log = structlog.get_logger(__name__)

routes = with_key("files", "What was uploaded, and what jobs made")

_CONTENT = {
    200: {
        "description": "The file",
        "headers": {"Content-Disposition": {"description": "its name (RFC 6266)", "schema": {"type": "string"}}},
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class FilePath(BaseModel):
    """Which file."""

    file_id: UUID


@routes.get("/files/<uuid:file_id>", responses=_CONTENT | problems_with_key("not_found", "storage_unavailable"))
def download_file(path: FilePath, query: NoQuery) -> Response:
    """Download a file"""
    with services().transaction() as connection:
        row = connection.execute(
            select(files).where(files.c.id == path.file_id, files.c.tenant == tenant())
        ).one_or_none()
    if row is None:
        raise not_found("file")
    blocks = services().storage.read(row.storage_key)
    try:
        # The first block now, while the answer can still be another one.
        first = in_thread(next, blocks, b"")
    except Rejected as error:
        log.error("object_missing", file=str(row.id), key=row.storage_key)
        raise not_found("file") from error
    response = Response(chain([first], _rest(blocks)), mimetype=row.media_type)
    response.headers["Content-Length"] = str(row.bytes)
    response.headers["Content-Disposition"] = disposition(row.name)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def disposition(name: str) -> str:
    """The header that names a file to be saved, for old clients in ASCII, for all others whole (RFC 6266, RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _rest(blocks: Iterator[bytes]) -> Iterator[bytes]:
    while block := in_thread(next, blocks, b""):
        yield block
