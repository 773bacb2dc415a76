"""Queues: how much waits, how much is in progress, and how fast it goes."""

from dataclasses import asdict

from flask import Response
from pydantic import BaseModel, Field

from penstock_api.documentation import problems_with_key
from penstock_api.examples import STARTED_AT
from penstock_api.models import Count, NoQuery, answer
from penstock_api.openapi import shown
from penstock_api.routes.blueprints import with_key
from penstock_api.routes.pauses import REASON, Pause
from penstock_api.services import services

routes = with_key("queues", "How much waits, and how fast it goes")


_RATES = {
    "per_minute": {"succeeded": 12.0, "failed": 0.5},
    "wait": {"mean": 1.4, "median": 0.8},
    "run": {"mean": 2.5, "median": 2.1},
}
_QUEUE = {
    "queue": "dataset",
    "queued": {"normal": 3, "bulk": 120},
    "in_flight": 2,
    "paused": None,
    "oldest": {"seconds": 4.2, "exact": True},
    "workers": 2,
    "last_minute": _RATES,
    "last_5_minutes": _RATES,
}
_PAUSED = _QUEUE | {"queue": "mail", "paused": {"since": STARTED_AT, "reason": REASON, "in_force": True}}


class OldestMessage(BaseModel):
    """The message that waits longest. Not `exact`: another sender's, counted from when it was first seen."""

    seconds: float = Field(ge=0)
    exact: bool


class Seconds(BaseModel):
    """Of the jobs that finished in a window; null where none did."""

    mean: float | None = Field(ge=0)
    median: float | None = Field(ge=0)


class Rates(BaseModel):
    """The last minutes of one queue."""

    per_minute: dict[str, float] = Field(description="jobs that ended, by the state they ended in")
    wait: Seconds = Field(description="from when a job was due to its last start")
    run: Seconds = Field(description="from its last start to its end")


class QueueStatus(BaseModel):
    """One queue, of all tenants together: messages waiting by priority, and taken by workers."""

    queue: str
    queued: dict[str, Count] = Field(description="messages that wait, by priority")
    in_flight: Count = Field(description="messages that workers have taken and not finished")
    paused: Pause | None = Field(description="null: it is not")
    oldest: OldestMessage | None = Field(description="null: nothing waits")
    workers: Count = Field(description="who have a job, or finished one in the last 5 minutes; idle ones are not seen")
    last_minute: Rates
    last_5_minutes: Rates


class QueueStatuses(BaseModel):
    """Every queue."""

    model_config = shown(two_of_them={"items": [_QUEUE, _PAUSED]})

    items: list[QueueStatus]


@routes.get("/queues", responses={200: QueueStatuses} | problems_with_key())
def show_queues(query: NoQuery) -> Response:
    """Show all queues

    503 while the broker is gone; jobs are accepted all the same. Workers and rates are read from the ledger once a
    second at most, however many ask.
    """
    known = services()
    backlog, oldest = known.backlog()
    figures = {one.queue: one for one in known.figures()}
    pauses = known.pauses()
    items = [
        QueueStatus.model_validate(
            asdict(queue)
            | {
                "paused": asdict(pause) | {"in_force": queue.paused} if (pause := pauses.get(queue.queue)) else None,
                "oldest": asdict(age) if (age := oldest[queue.queue]) else None,
                "workers": figures[queue.queue].workers,
                "last_minute": asdict(figures[queue.queue].windows[1]),
                "last_5_minutes": asdict(figures[queue.queue].windows[5]),
            }
        )
        for queue in backlog
    ]
    return answer(QueueStatuses(items=items))
