"""Jobs of any task: one, or up to a thousand in one transaction."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from flask import Response, g
from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from penstock_api.auth import tenant
from penstock_api.body import JsonBody
from penstock_api.documentation import problems_with_body
from penstock_api.examples import DATASET, DETAILS, REPORT
from penstock_api.models import LONGEST_KEY, TIME, NoQuery, PostHeaders, Time, answer
from penstock_api.openapi import job_links, shown
from penstock_api.problems import PROBLEMS, invalid
from penstock_api.routes.jobs import routes
from penstock_api.services import services
from penstock_api.starting import Links, Started, accepted, links_of, start
from penstock_contracts.queues import Priority
from penstock_contracts.task import Contract, Task
from penstock_contracts.tasks import BY_NAME, STARTABLE
from penstock_contracts.webhook_url import WebhookUrl
from penstock_runtime.errors import Rejected
from penstock_runtime.ledger import Accepted, KeyReused, NewJob
from penstock_runtime.webhooks import check_url

MOST_JOBS = 1000
"""Jobs in one request."""


class Wanted(BaseModel):
    """A job of any task: which one, its payload, and what its sender wants of it."""

    model_config = ConfigDict(extra="forbid")

    task: str
    payload: Contract
    priority: Annotated[Literal["normal", "bulk"], Field(description="bulk waits behind all that is normal")] = "normal"
    not_before: Annotated[Time | None, Field(description=f"it is not started earlier; {TIME}")] = None
    deadline: Annotated[Time | None, Field(description=f"it is not started later, but cancelled then; {TIME}")] = None
    webhook: Annotated[WebhookUrl | None, Field(description="is told of the job's end; see `webhooks`")] = None


class WantedInBulk(Wanted):
    """As one job in a request of its own, with the key that its request would have had as a header."""

    idempotency_key: Annotated[
        str | None,
        Field(
            min_length=1, max_length=LONGEST_KEY, pattern=r"^[\x20-\x7e]+$", description="as the header of this name"
        ),
    ] = None


def _of_any_task(model: type[Wanted], suffix: str) -> Any:
    """One of as many models as there are tasks, told apart by `task`: each has its payload's type."""

    def of_task(task: Task[Any, Any]) -> Any:
        name = "".join(word.capitalize() for word in task.name.replace(".", "_").split("_"))
        fields: Any = {"task": (Literal[task.name], ...), "payload": (task.payload, ...)}
        return create_model(f"{name}{suffix}", __base__=model, __doc__=f"A job of {task.name}.", **fields)

    return Annotated[reduce(or_, map(of_task, STARTABLE)), Field(discriminator="task")]


_REPORT: dict[str, Any] = {"task": "generation.report", "payload": {"dataset_id": DATASET, "title": "Sales of May"}}
_AT_NIGHT = _REPORT | {
    "priority": "bulk",
    "not_before": "2026-06-01T22:00:00+08:00",
    "deadline": "2026-06-02T06:00:00+08:00",
    "webhook": "https://example.com/hooks/penstock",
}
_LOGIN = {
    "task": "ops_trace.user_actions",
    "payload": {"actions": [{"user_id": "u-17", "action": "login", "at": "2026-06-01T16:30:00+08:00"}]},
}


class JobBody(JsonBody, RootModel[_of_any_task(Wanted, "Job")]):  # type: ignore[misc]  # one kind a task
    """One job."""

    model_config = shown(as_soon_as_possible=_REPORT, at_night=_AT_NIGHT, user_actions=_LOGIN)


class JobsBody(JsonBody):
    """Up to 1,000 jobs. Where one is invalid, none is accepted."""

    model_config = ConfigDict(extra="forbid") | shown(
        two_jobs={"jobs": [_AT_NIGHT | {"idempotency_key": "sales-2026-05"}, _LOGIN]}
    )

    jobs: Annotated[
        list[_of_any_task(WantedInBulk, "JobInBulk")],  # type: ignore[valid-type]  # one kind a task
        Field(min_length=1, max_length=MOST_JOBS),
    ]


class StartedInBulk(BaseModel):
    """The job of one entry."""

    job_id: str
    created: bool = Field(description="false: an earlier request with its key got this job")
    links: Links


class EntryProblem(BaseModel):
    """Why an entry got no job, as a request of its own would have been told."""

    code: str = Field(description="stable, for programs")
    title: str = Field(description="what the code means")
    status: int = Field(description="that a request of its own would have been answered with")
    detail: str = Field(description="what was wrong this time")


class RefusedInBulk(BaseModel):
    """An entry without a job. The other entries got theirs."""

    problem: EntryProblem


_STARTED = {"job_id": REPORT, "created": True, "links": {"job": f"/v1/jobs/{REPORT}"}}
_REFUSED = {
    "problem": dict(
        zip(("status", "title"), PROBLEMS["idempotency_key_reused"], strict=True),
        code="idempotency_key_reused",
        detail=DETAILS["idempotency_key_reused"],
    )
}


class StartedJobs(BaseModel):
    """What became of each entry, in the order given."""

    model_config = shown(
        links={f"{name}_first": way for name, way in job_links("items/0/job_id").items()},
        all_accepted={"items": [_STARTED, _STARTED | {"created": False}]},
        one_refused={"items": [_STARTED, _REFUSED]},
    )

    items: list[StartedInBulk | RefusedInBulk]


@dataclass(frozen=True)
class _Limits:
    """What this request's times and webhooks are compared with."""

    latest: datetime
    networks: Any

    def check(self, job: Wanted, place: str) -> None:
        """Raise Problem (invalid) where a time lies too far ahead or before another, or a webhook may not be called."""
        # A time that has passed is no error: the repeat of a request must get the job that the first one got.
        for name, time in (("not_before", job.not_before), ("deadline", job.deadline)):
            if time is not None and time > self.latest:
                raise invalid(f"{place}.{name}", f"must be at most {services().settings.api_ahead_days} days ahead")
        if job.not_before is not None and job.deadline is not None and job.deadline <= job.not_before:
            raise invalid(f"{place}.deadline", "must be after not_before")
        if job.webhook is not None:
            try:
                check_url(job.webhook, self.networks)
            except Rejected as error:
                raise invalid(f"{place}.webhook", error.message) from None


def _limits() -> _Limits:
    settings = services().settings
    return _Limits(datetime.now(UTC) + timedelta(days=settings.api_ahead_days), settings.webhook_allowed_networks)


@routes.post("/jobs", responses={202: Started} | problems_with_body())
def start_job(header: PostHeaders, query: NoQuery, body: JobBody) -> Response:
    """Start one job of any task

    It may be put behind others, delayed, given a time after which it is not worth starting, and its end be told.
    """
    job: Wanted = body.root
    _limits().check(job, "body")
    return accepted(start(BY_NAME[job.task], job.payload, header, priority=_priority(job), **_wishes(job)))


@routes.post("/jobs/bulk", responses={202: StartedJobs} | problems_with_body())
def start_jobs(header: PostHeaders, query: NoQuery, body: JobsBody) -> Response:
    """Start up to 1,000 jobs at once

    All in one transaction. Where the request has an Idempotency-Key, an entry that has none gets one made of it and of
    its own number, so that a repeat of the request starts nothing twice.
    """
    limits = _limits()
    for number, job in enumerate(body.jobs):
        limits.check(job, f"body.jobs.{number}")
    new = [_new(job, number, header.idempotency_key) for number, job in enumerate(body.jobs)]
    return answer(StartedJobs(items=[_outcome(outcome) for outcome in services().submit_all(new)]), 202)


def _new(job: WantedInBulk, number: int, key_of_all: str | None) -> NewJob:
    message = BY_NAME[job.task].message(job.payload, priority=_priority(job))
    key = job.idempotency_key or (f"{key_of_all}/{number}" if key_of_all else None)
    return NewJob(message, tenant(), key, g.request_id, **_wishes(job))


def _outcome(outcome: Accepted | KeyReused) -> StartedInBulk | RefusedInBulk:
    if isinstance(outcome, Accepted):
        return StartedInBulk(job_id=outcome.job_id, created=outcome.created, links=links_of(outcome.job_id))
    status, title = PROBLEMS[outcome.code]
    return RefusedInBulk(problem=EntryProblem(code=outcome.code, title=title, status=status, detail=outcome.message))


def _priority(job: Wanted) -> Priority:
    return Priority[job.priority.upper()]


def _wishes(job: Wanted) -> dict[str, Any]:
    return {"not_before": job.not_before, "deadline": job.deadline, "webhook": job.webhook}
