"""Jobs: what became of what was accepted."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from flask import Response
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from werkzeug.routing import BaseConverter

from penstock_api.auth import tenant
from penstock_api.cursors import read_time_and_text, write_cursor
from penstock_api.documentation import problems_with_key
from penstock_api.models import NoQuery, PageQuery, PostHeaders, State, answer
from penstock_api.problems import Problem, not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_contracts import queues, tasks
from penstock_contracts.queues import Priority
from penstock_runtime.ledger import RETRYABLE, JobView, cancel, list_jobs, read_job, start_over

routes = with_key("jobs", "What became of what was accepted")


class JobIdConverter(BaseConverter):
    """Ids are ours or a Celery client's: printable, without blanks. An address with another one is 404."""

    regex = r"[!-.0-~]{1,255}"


class JobPath(BaseModel):
    """Which job."""

    job_id: Annotated[str, Field(max_length=255)]


def _one_of(known: dict[str, Any]) -> Any:
    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return name

    return Annotated[str, AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(known)})]


class JobsQuery(PageQuery):
    """Which jobs."""

    queue: _one_of(queues.BY_NAME) | None = None  # type: ignore[valid-type]  # the declaration is read, not repeated
    task: _one_of(tasks.BY_NAME) | None = None  # type: ignore[valid-type]
    state: State | None = None


class Progress(BaseModel):
    """How far a running job has come."""

    done: int
    total: int | None = None
    unit: str = ""


class JobError(BaseModel):
    """Why a job did not succeed."""

    code: str
    message: str


class Job(BaseModel):
    """One job. `attempt` counts its starts so far, of `attempts` that it may have."""

    id: str
    task: str
    queue: str
    priority: str = Field(json_schema_extra={"enum": [priority.name.lower() for priority in Priority]})
    state: State
    attempt: int
    attempts: int
    cancel_requested: bool
    progress: Progress | None
    result: dict[str, Any] | None
    error: JobError | None
    request_id: str | None
    not_before: datetime | None
    deadline: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPage(BaseModel):
    """Jobs, newest first."""

    items: list[Job]
    next_cursor: str | None


@routes.get("/jobs", responses={200: JobPage} | problems_with_key())
def find_jobs(query: JobsQuery) -> Response:
    """List jobs"""
    size = query.size()
    before = read_time_and_text(query.cursor)
    with services().transaction() as connection:
        found = list_jobs(
            connection,
            tenant=tenant(),
            limit=size + 1,
            before=before,
            queue=query.queue,
            task=query.task,
            state=query.state,
        )
    last = found[size - 1] if len(found) > size else None
    cursor = write_cursor(last.created_at, last.id) if last else None
    return answer(JobPage(items=[_job(view) for view in found[:size]], next_cursor=cursor))


@routes.get("/jobs/<job:job_id>", responses={200: Job} | problems_with_key("not_found"))
def show_job(path: JobPath, query: NoQuery) -> Response:
    """Show one job"""
    with services().transaction() as connection:
        view = read_job(connection, path.job_id, tenant=tenant())
    return answer(_job(view))


@routes.post("/jobs/<job:job_id>/cancel", responses={200: Job} | problems_with_key("not_found"))
def cancel_job(path: JobPath, header: PostHeaders, query: NoQuery) -> Response:
    """Cancel one job

    A waiting job is cancelled at once; a running one when its worker hears of it (`cancel_requested`); a finished one
    stays as it is. A repeat changes nothing.
    """
    with services().transaction() as connection:
        view = cancel(connection, path.job_id, tenant=tenant())
    return answer(_job(view))


@routes.post("/jobs/<job:job_id>/retry", responses={200: Job} | problems_with_key("not_found", "not_retryable"))
def retry_job(path: JobPath, header: PostHeaders, query: NoQuery) -> Response:
    """Let a job start over

    A failed, dead or cancelled job is put back in line with all its attempts, under its own id; its deadline is lifted.
    One in another state is left alone: `not_retryable`.
    """
    with services().transaction() as connection:
        found = read_job(connection, path.job_id, tenant=tenant())
        if found is not None and found.state not in RETRYABLE:
            raise Problem("not_retryable", f"the job is {found.state}; only {', '.join(RETRYABLE)} jobs can start over")
        view = start_over(connection, path.job_id, tenant=tenant())
    return answer(_job(view))


def _job(view: JobView | None) -> Job:
    if view is None:
        raise not_found("job")
    return Job.model_validate(asdict(view) | {"priority": Priority(view.priority).name.lower()})
