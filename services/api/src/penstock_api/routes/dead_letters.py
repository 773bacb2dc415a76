"""Dead letters: what nobody will do any more until somebody decides, in the ledger and in Redis."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

import redis
from flask import Response
from pydantic import BaseModel, Field

from penstock_api.auth import tenant
from penstock_api.cursors import read_time_text_and_score_text, write_cursor
from penstock_api.documentation import problems_with_key
from penstock_api.examples import CURSOR, DEAD_JOB, DEAD_MESSAGE
from penstock_api.models import ALWAYS_TOLD, Count, NextCursor, NoQuery, PageQuery, PostHeaders, answer, one_of
from penstock_api.openapi import job_links, link, shown
from penstock_api.problems import not_found
from penstock_api.routes.blueprints import with_key
from penstock_api.services import services
from penstock_contracts.queues import BY_NAME, QUEUES, Priority
from penstock_runtime import dead_letters, redis_server
from penstock_runtime.broker import redis_errors
from penstock_runtime.dead_letters import DeadMessage
from penstock_runtime.delivery import DEFAULT_TENANT
from penstock_runtime.ledger.dead import DeadJob, discard_dead, list_dead, read_dead, replay_dead

routes = with_key("dead letters", "What is not done any more until somebody decides")

T = TypeVar("T")

Kind = Annotated[
    Literal["job", "message"],
    Field(description="message: of another Celery client, which never became a job; the tenant `default` has these"),
]


class DeadLetterPath(BaseModel):
    """Which dead letter."""

    letter_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[!-.0-~]+$",
            description="as the list tells it: of a job, the job's own",
            json_schema_extra={"example": DEAD_JOB["id"]},
        ),
    ]


class DeadLettersQuery(PageQuery):
    """Which dead letters."""

    queue: Annotated[one_of(BY_NAME) | None, Field(description="of this queue")] = None  # type: ignore[valid-type]  # the declaration is read, not repeated
    kind: Annotated[Kind | None, Field(description="of this kind; jobs are told while Redis is gone too")] = None


_LINKS = {
    "show": link("show_dead_letter", "all that is told of it", letter_id="id"),
    "replay": link("replay_dead_letter", "do it after all", letter_id="id"),
    "discard": link("discard_dead_letter", "give it up for good", letter_id="id"),
}
_IN_LIST = [
    {name: DEAD[name] for name in DEAD if name not in ("priority", "payload_bytes", "losses")}
    for DEAD in (DEAD_MESSAGE, DEAD_JOB)
]


class DeadLetterInList(BaseModel):
    """One dead letter, in short. What is in its payload is told nowhere."""

    id: str
    kind: Kind
    queue: str
    task: str | None = Field(description="null: the message cannot be read")
    reason: str = Field(description="stable, for programs")
    error: str | None = Field(description="what went wrong last, for people")
    deliveries: Count = Field(description="how often a worker had it")
    died_at: datetime = Field(description="when it became a dead letter")


class DeadLetter(DeadLetterInList):
    """One dead letter. What is in its payload is told nowhere."""

    model_config = shown(links=_LINKS, a_job=DEAD_JOB, a_message=DEAD_MESSAGE)

    priority: str = Field(json_schema_extra={"enum": [priority.name.lower() for priority in Priority]})
    payload_bytes: Count = Field(description="of the payload; of a message, of all of it")
    losses: Count | None = Field(description="how often a worker died with the job; null: it is a message")


class DeadLetterPage(BaseModel):
    """Dead letters, the newest first. A page of large messages holds fewer than asked for."""

    model_config = shown(
        links={
            "next": link("list_dead_letters", "the next page", cursor="next_cursor"),
            "show_first": link("show_dead_letter", "all that is told of it", letter_id="items/0/id"),
        },
        a_page={"items": _IN_LIST, "next_cursor": CURSOR},
        the_last_page={"items": [], "next_cursor": None},
    )

    items: list[DeadLetterInList]
    next_cursor: NextCursor


class SettledLetter(BaseModel):
    """What was decided of a dead letter, which is none any more."""

    model_config = ALWAYS_TOLD | shown(
        links={"job": job_links("id")["show"]},
        replayed={name: DEAD_JOB[name] for name in ("id", "kind", "queue")} | {"outcome": "replayed"},
        discarded={name: DEAD_MESSAGE[name] for name in ("id", "kind", "queue")} | {"outcome": "discarded"},
    )

    id: str
    kind: Kind
    queue: str
    outcome: Literal["replayed", "discarded"] = Field(description="replayed: it waits in its queue, or soon does")


@routes.get("/dead-letters", responses={200: DeadLetterPage} | problems_with_key())
def list_dead_letters(query: DeadLettersQuery) -> Response:
    """List dead letters

    The tenant's dead jobs, and for the tenant `default` also messages in Redis that no job stands for; the newest
    first, page by page. 503 while Redis is gone, where messages would belong to the list.
    """
    size = query.size()
    last_job, last_message = read_time_text_and_score_text(query.cursor)
    jobs: list[DeadJob] = []
    if query.kind != "message":
        with services().transaction() as connection:
            jobs = list_dead(connection, tenant=tenant(), limit=size + 1, behind=last_job, queue=query.queue)
    page = dead_letters.Page([], more=False)
    if query.kind != "job" and _has_messages():
        queues = [BY_NAME[query.queue]] if query.queue else QUEUES
        most_bytes = services().settings.api_page_bytes
        page = _in_redis(
            lambda client: dead_letters.read_page(client, queues, most=size, most_bytes=most_bytes, behind=last_message)
        )
    found, more = _merged(jobs, page, size)
    for item in found:
        if isinstance(item, DeadJob):
            last_job = item.position
        else:
            last_message = item.position
    cursor = write_cursor(*(last_job or (None, None)), *(last_message or (None, None))) if more else None
    return answer(DeadLetterPage(items=[_in_list(item) for item in found], next_cursor=cursor))


@routes.get("/dead-letters/<job:letter_id>", responses={200: DeadLetter} | problems_with_key("not_found"))
def show_dead_letter(path: DeadLetterPath, query: NoQuery) -> Response:
    """Show one dead letter

    Why it died, how often a worker had it, and how large it is. Of a job, the job itself tells more.
    """
    with services().transaction() as connection:
        job = read_dead(connection, path.letter_id, tenant=tenant())
    found = job or _of_message(dead_letters.find, path)
    size, losses = (found.payload_bytes, found.losses) if isinstance(found, DeadJob) else (found.bytes, None)
    more = {"priority": Priority(found.priority).name.lower(), "payload_bytes": size, "losses": losses}
    return answer(DeadLetter.model_validate(_in_list(found).model_dump() | more))


@routes.post("/dead-letters/<job:letter_id>/replay", responses={200: SettledLetter} | problems_with_key("not_found"))
def replay_dead_letter(path: DeadLetterPath, header: PostHeaders, query: NoQuery) -> Response:
    """Let a dead letter be done after all

    A job starts over, with all its attempts and without its deadline. A message is sent anew, behind what waits. What
    is no dead letter any more, as after a repeat, is not found.
    """
    with services().transaction() as connection:
        job = replay_dead(connection, path.letter_id, tenant=tenant())
    return _settled(job or _of_message(dead_letters.replay, path), "replayed")


@routes.post("/dead-letters/<job:letter_id>/discard", responses={200: SettledLetter} | problems_with_key("not_found"))
def discard_dead_letter(path: DeadLetterPath, header: PostHeaders, query: NoQuery) -> Response:
    """Give a dead letter up for good

    A job becomes `cancelled` with the code `discarded`, and is kept as long as others. A message is deleted. What is no
    dead letter any more, as after a repeat, is not found.
    """
    with services().transaction() as connection:
        job = discard_dead(connection, path.letter_id, tenant=tenant())
    return _settled(job or _of_message(dead_letters.discard, path), "discarded")


def _of_message(do: Callable[["redis.Redis", str], DeadMessage | None], path: DeadLetterPath) -> DeadMessage:
    found = _in_redis(lambda client: do(client, path.letter_id)) if _has_messages() else None
    if found is None:
        raise not_found("dead letter")
    return found


def _has_messages() -> bool:
    """RabbitMQ keeps none: what no job stands for and no worker can run is thrown away, and a log line says so."""
    return tenant() == DEFAULT_TENANT and not services().settings.uses_rabbitmq


def _in_redis(work: Callable[["redis.Redis"], T]) -> T:
    with redis_errors(), redis_server.client(services().settings) as client:
        return work(client)


def _merged(jobs: list[DeadJob], page: dead_letters.Page, size: int) -> tuple[list[DeadJob | DeadMessage], bool]:
    """Both lists as one, newest first, up to so many; and whether there are more."""
    messages = list(page.items)
    found: list[DeadJob | DeadMessage] = []
    # Where the page of messages was cut, what comes next may be one of them.
    while len(found) < size and (messages or (jobs and not page.more)):
        from_jobs = bool(jobs) and (not messages or jobs[0].died_at >= messages[0].died_at)
        found.append(jobs.pop(0) if from_jobs else messages.pop(0))
    return found, bool(jobs or messages or page.more)


def _in_list(found: DeadJob | DeadMessage) -> DeadLetterInList:
    if isinstance(found, DeadJob):
        error = found.error or {}
        about = {"kind": "job", "reason": error.get("code", dead_letters.UNKNOWN), "error": error.get("message")}
        about |= {"deliveries": found.attempt}
    else:
        about = {"kind": "message", "reason": found.reason, "error": found.error, "deliveries": found.deliveries}
    return DeadLetterInList.model_validate(
        about | {"id": found.id, "queue": found.queue, "task": found.task, "died_at": found.died_at}
    )


def _settled(found: DeadJob | DeadMessage, outcome: Literal["replayed", "discarded"]) -> Response:
    kind: Literal["job", "message"] = "job" if isinstance(found, DeadJob) else "message"
    return answer(SettledLetter(id=found.id, kind=kind, queue=found.queue, outcome=outcome))
