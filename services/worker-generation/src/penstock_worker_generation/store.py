"""A report's files: into object storage first, then as rows that are committed together with the job."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy.dialects.postgresql import insert

from penstock_contracts.generation import MadeFile
from penstock_runtime.job import Job
from penstock_runtime.schema import files
from penstock_runtime.storage import REPORTS, Storage

LONGEST_NAME = 200
"""Bytes in UTF-8 of a file's name before its ending; most file systems take 255 in all."""


@dataclass(frozen=True)
class Made:
    """One file of a report. ending: `.html` or `.pdf`."""

    ending: str
    media_type: str
    content: bytes


def keep(made: Sequence[Made], title: str, job: Job, storage: Storage) -> list[MadeFile]:
    """Store a job's files. Their ids follow from the job and their endings: a repeat replaces, and adds nothing."""
    name = safe_name(title)
    rows = [_row(file, name, job) for file in made]
    for file, row in zip(made, rows, strict=True):
        storage.write(row["storage_key"], file.content)
    # Only now: from here to the job's finish the ids are locked, and another attempt would wait for them.
    statement = insert(files).values(rows)
    replaced = {column: statement.excluded[column] for column in rows[0] if column != "id"}
    job.connection.execute(statement.on_conflict_do_update(index_elements=[files.c.id], set_=replaced))
    return [MadeFile(file_id=row["id"], **{key: row[key] for key in ("name", "media_type", "bytes")}) for row in rows]


def _row(made: Made, name: str, job: Job) -> dict[str, Any]:
    return {
        "id": uuid5(NAMESPACE_OID, f"{job.id}/report{made.ending}"),
        "tenant": job.tenant,
        "name": f"{name}{made.ending}",
        "media_type": made.media_type,
        "bytes": len(made.content),
        "sha256": sha256(made.content).hexdigest(),
        # A place of each run's own: one that lost its job must not write over the file of the one that won. Attempts
        # would not do: one that is given back, or a job that starts over, has the same number again.
        "storage_key": f"{REPORTS}/{_folder(job.id)}/{job.token}/report{made.ending}",
        "job_id": job.id,
    }


def safe_name(title: str) -> str:
    """A title as a file name that every common system takes; `report` where nothing of it is left."""
    kept = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]+', " ", title)
    short = " ".join(kept.split()).encode()[:LONGEST_NAME].decode(errors="ignore")
    return short.strip(". ") or "report"


def _folder(job_id: str) -> str:
    """The job's id, or a UUID made of it where a Celery client chose one that may be no name of a folder."""
    try:
        return str(UUID(job_id))
    except ValueError:
        return str(uuid5(NAMESPACE_OID, job_id))
