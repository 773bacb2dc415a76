"""Jobs: what became of what was accepted."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, Field
from werkzeug.routing import BaseConverter

from penstock_api.auth import tenant
from penstock_api.cursors import read_time_and_text, write_cursor
from penstock_api.documentation import problems_with_key
from penstock_api.examples import CURSOR, JOBS, REPORT
from penstock_api.models import ALWAYS_TOLD, Count, NextCursor, NoQuery, PageQuery, PostHeaders, State, answer, one_of
from penstock_api.openapi import job_links, link, shown
from penstock_api.problems import Problem, not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_contracts import queues, tasks
from penstock_contracts.queues import Priority
from penstock_runtime.ledger import RETRYABLE, JobView, cancel, list_jobs, read_job, start_over

routes = with_key("jobs", "What became of what was accepted")


class JobIdConverter(BaseConverter):
    """Ids are ours or a Celery client's: printable, without blanks. An address with another one is 404.

    /v1/jobs/bulk is an address of its own, and what it does not allow is not asked of a job of that name.
    """

    regex = r"(?!bulk$)[!-.0-~]{1,255}"


class JobPath(BaseModel):
    """Which job."""

    job_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[!-.0-~]+$",
            description="as the answer that accepted the job told it",
            json_schema_extra={"example": REPORT},
        ),
    ]


class JobsQuery(PageQuery):
    """Which jobs."""

    queue: Annotated[one_of(queues.BY_NAME) | None, Field(description="of this queue")] = None  # type: ignore[valid-type]  # the declaration is read, not repeated
    task: Annotated[one_of(tasks.BY_NAME) | None, Field(description="of this task")] = None  # type: ignore[valid-type]
    state: Annotated[State | None, Field(description="in this state now")] = None


class Progress(BaseModel):
    """How far a running job has come."""

    model_config = ALWAYS_TOLD

    done: Count
    total: Count | None = Field(None, description="null: not known")
    unit: str = Field("", description="what is counted, such as rows")


class JobError(BaseModel):
    """Why a job did not succeed."""

    code: str = Field(description="stable, for programs")
    message: str = Field(description="for people")


_LINKS = {
    "dataset": link("show_dataset", "what an import made", dataset_id="result/dataset_id"),
    "rows": link("list_dataset_rows", "of an imported table", dataset_id="result/dataset_id"),
    "chunks": link("list_dataset_chunks", "of an imported text", dataset_id="result/dataset_id"),
    "download": link("download_file", "what a report made", file_id="result/files/0/file_id"),
    **job_links("id"),
}
_RESULTS = ", ".join(f"of `{task.name}` `{task.result.__name__}`" for task in tasks.STARTABLE)


class Job(BaseModel):
    """One job."""

    model_config = shown(links=_LINKS, **JOBS)

    id: str = Field(description="a UUID, or what a Celery client chose")
    task: str
    queue: str
    priority: str = Field(
        description="bulk waits behind all that is normal",
        json_schema_extra={"enum": [priority.name.lower() for priority in Priority]},
    )
    state: State
    attempt: Count = Field(description="how often it was started so far")
    attempts: Count = Field(description="how often it may be started")
    cancel_requested: bool = Field(description="its worker is to stop it")
    progress: Progress | None = Field(description="null: its task has told none")
    result: dict[str, Any] | None = Field(description=f"once it has succeeded: {_RESULTS}; see these schemas")
    error: JobError | None = Field(description="why it did not succeed, or had to start again")
    request_id: str | None = Field(description="of the request that it was accepted with")
    not_before: datetime | None = Field(description="it is not started earlier")
    deadline: datetime | None = Field(description="it is not started later")
    created_at: datetime = Field(description="when it was accepted")
    started_at: datetime | None = Field(description="when it was started last")
    finished_at: datetime | None = Field(description="when it came into its last state")


class JobPage(BaseModel):
    """Jobs, newest first."""

    model_config = shown(
        links={
            "next": link("find_jobs", "the next page", cursor="next_cursor"),
            **{f"{name}_first": way for name, way in job_links("items/0/id").items()},
        },
        a_page={"items": [JOBS["running"], JOBS["succeeded"]], "next_cursor": CURSOR},
        the_last_page={"items": [], "next_cursor": None},
    )

    items: list[Job]
    next_cursor: NextCursor


@routes.get("/jobs", responses={200: JobPage} | problems_with_key())
def find_jobs(query: JobsQuery) -> Response:
    """List jobs

    The tenant's own, newest first, page by page. Filters given together must all hold.
    """
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
    """Show one job

    What became of it, for as long as it is kept. To be told of each change, follow it instead of asking again.
    """
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
