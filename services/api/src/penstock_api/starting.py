"""A payload becomes a job, and the answer that says so."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, g
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from penstock_api.auth import tenant
from penstock_api.examples import DATASET, FILE, REPORT
from penstock_api.models import PostHeaders, State, answer
from penstock_api.openapi import LOCATION, header, job_links, link, shown
from penstock_api.services import services
from penstock_contracts.queues import Priority
from penstock_contracts.task import Contract, Task
from penstock_runtime.ledger import read_job

P = TypeVar("P", bound=Contract)

_HEADERS = {LOCATION: header(LOCATION)}


class Links(BaseModel):
    """Where to go on."""

    job: str = Field(description="the job's address", json_schema_extra={"format": "uri-reference"})


class Started(BaseModel):
    """The job of this request: a new one, or the one that an earlier request with the same Idempotency-Key got."""

    model_config = shown(
        headers=_HEADERS,
        links=job_links("job_id"),
        a_new_job={"job_id": REPORT, "state": "accepted", "links": {"job": f"/v1/jobs/{REPORT}"}},
        a_repeat={"job_id": REPORT, "state": "running", "links": {"job": f"/v1/jobs/{REPORT}"}},
    )

    job_id: str
    state: State
    links: Links


class StartedImport(Started):
    """The job of this import, as for every job, and the id of the stored file."""

    model_config = shown(
        headers=_HEADERS,
        links=job_links("job_id") | {"download": link("download_file", "what was uploaded", file_id="file_id")},
        a_new_import={
            "job_id": DATASET,
            "state": "accepted",
            "links": {"job": f"/v1/jobs/{DATASET}"},
            "file_id": FILE,
        },
    )

    file_id: UUID


def start(
    task: Task[P, Any],
    payload: P,
    headers: PostHeaders,
    before: Callable[[Connection], None] | None = None,
    *,
    priority: Priority = Priority.NORMAL,
    **wishes: Any,
) -> Started:
    """Accept a job for this request's tenant. `before` writes in the same transaction first; `wishes` are the other
    fields of the ledger's NewJob.

    Raises KeyReused, Unavailable.
    """
    key = headers.idempotency_key
    message = task.message(payload, priority=priority)
    submitted = services().submit(message, tenant=tenant(), key=key, request_id=g.request_id, before=before, **wishes)
    state: Any = "accepted" if submitted.created else _state(submitted.job_id)
    return Started(job_id=submitted.job_id, state=state, links=links_of(submitted.job_id))


def links_of(job_id: str) -> Links:
    """Where a job is seen."""
    return Links(job=f"/v1/jobs/{job_id}")


def accepted(started: Started) -> Response:
    """202 with the job's address."""
    return answer(started, 202, {"Location": started.links.job})


def _state(job_id: str) -> str:
    with services().transaction() as connection:
        job = read_job(connection, job_id, tenant=tenant())
    return job.state if job else "accepted"
