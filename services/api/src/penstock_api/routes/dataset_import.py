"""The import of a file: stored first, then a row and a job in one transaction."""

import re
from typing import cast
from uuid import UUID

from flask import Response, request
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from penstock_api.auth import tenant
from penstock_api.documentation import problems_with_key
from penstock_api.models import NoQuery, PostHeaders
from penstock_api.openapi import named
from penstock_api.problems import invalid
from penstock_api.request import ApiRequest
from penstock_api.routes.datasets import routes
from penstock_api.starting import StartedImport, accepted, start
from penstock_api.uploads import Upload, file_id
from penstock_contracts.dataset import IMPORT_FILE, ImportFile
from penstock_runtime.errors import Unavailable
from penstock_runtime.schema import files

LONGEST_NAME = 200
"""Characters, as in the contract."""

NAME = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]+$"
"""No control characters, no line ends, and nothing that stands for what was not UTF-8."""

_MEDIA_TYPES = {"csv": "text/csv", "txt": "text/plain", "md": "text/markdown"}
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "minLength": 1,
                        "description": "with its name in Content-Disposition: .csv, .txt or .md",
                    },
                    "name": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": LONGEST_NAME,
                        "pattern": NAME,
                        "description": "instead of the file's own name",
                    },
                },
            },
            "examples": named({"a_CSV": {"name": "sales.csv", "file": "month,amount\n2026-05,17\n"}}),
        }
    },
}
_PROBLEMS = problems_with_key(
    "malformed_form",
    "request_timeout",
    "idempotency_key_reused",
    "too_large",
    "unsupported_media_type",
    "storage_unavailable",
)


@routes.post("/datasets", responses={202: StartedImport} | _PROBLEMS, openapi_extensions={"requestBody": _FORM})
def import_file(header: PostHeaders, query: NoQuery) -> Response:
    """Upload a file and import it

    The file is stored before the answer, and read by the job, whose id is the id of the dataset. A repeat, by the
    Idempotency-Key, is the same file under the same name.
    """
    form = cast(ApiRequest, request)
    inserted = False

    with form.receiving():
        upload, name = _file(form)
        upload.finish()
        identity = file_id(tenant(), header.idempotency_key, upload.sha256, name)

        def insert_row(connection: Connection) -> None:
            nonlocal inserted
            inserted = _insert(connection, identity, name, upload)

        try:
            started = start(IMPORT_FILE, ImportFile(file_id=identity, name=name), header, insert_row)
        except Unavailable:
            upload.keep()  # the row may have been written all the same
            raise
        if inserted:
            upload.keep()
    return accepted(StartedImport(**started.model_dump(), file_id=identity))


def _file(form: ApiRequest) -> tuple[Upload, str]:
    """The file and its name. Raises Problem (invalid) where the form holds anything else."""
    places = [*form.form.items(multi=True), *form.files.items(multi=True)]
    for place, _ in places:
        if place not in ("file", "name"):
            raise invalid(f"body.{place[:100]}", "is not known")
    sent = form.files.getlist("file")
    if len(sent) != 1 or len(places) > 2 or "file" in form.form or form.upload is None:
        raise invalid("body.file", "send one file, with its name in Content-Disposition")
    if form.upload.bytes == 0:
        raise invalid("body.file", "is empty")
    # Some clients send the whole path; only its end is a name.
    own_name = re.split(r"[/\\]", sent[0].filename or "")[-1]
    return form.upload, _checked(form.form.get("name", own_name))


def _checked(name: str) -> str:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise invalid("body.name", f"must have 1 to {LONGEST_NAME} characters")
    if not re.fullmatch(NAME, name):
        raise invalid("body.name", "must be UTF-8, without control characters and line ends")
    return name


def _insert(connection: Connection, identity: UUID, name: str, upload: Upload) -> bool:
    """Write the file's row, unless a request with the same Idempotency-Key did. Whether it was written."""
    written = connection.execute(
        insert(files)
        .values(
            id=identity,
            tenant=tenant(),
            name=name,
            # Never the client's word: it decides how a browser takes a download.
            media_type=_MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream"),
            bytes=upload.bytes,
            sha256=upload.sha256,
            storage_key=upload.storage_key,
        )
        .on_conflict_do_nothing(index_elements=[files.c.id])
        .returning(files.c.id)
    )
    return written.one_or_none() is not None
