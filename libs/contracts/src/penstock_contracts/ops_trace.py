"""The ops_trace queue: what people and systems did is kept, and told to those who asked to be told."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, field_validator

from penstock_contracts.queues import OPS_TRACE
from penstock_contracts.task import Contract, Task
from penstock_contracts.webhook_url import WebhookUrl

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, tzinfo=UTC)
"""Beyond these no clock can be meant, and some times could be stored but not be read again."""

MOST_ACTIONS = 1000
DEEPEST_DETAIL = 5

_TEXT = r"^[^\x00]*$"


def _in_utc(time: datetime) -> datetime:
    # PostgreSQL takes offsets of less than 16 hours, Python those of less than 24.
    return time.astimezone(UTC)


def _depth(value: Any) -> int:
    """How many lists and objects stand within each other. The depth of the parsed body is already bounded."""
    if isinstance(value, dict):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


class UserAction(Contract):
    """One thing one user did. `at` carries its offset from UTC."""

    user_id: Annotated[str, Field(min_length=1, max_length=200, pattern=_TEXT, description="who")]
    action: Annotated[str, Field(min_length=1, max_length=100, pattern=_TEXT, description="what was done")]
    at: Annotated[
        AwareDatetime, Field(ge=EARLIEST, le=LATEST, description="when, from 1970 to 9998"), AfterValidator(_in_utc)
    ]
    target: Annotated[str | None, Field(max_length=500, pattern=_TEXT, description="to what")] = None
    detail: Annotated[
        dict[str, Any],
        Field(max_length=50, default_factory=dict, description=f"at most {DEEPEST_DETAIL} levels deep"),
    ]

    @field_validator("detail")
    @classmethod
    def _is_shallow(cls, detail: dict[str, Any]) -> dict[str, Any]:
        if _depth(detail) > DEEPEST_DETAIL:
            raise ValueError(f"must not nest deeper than {DEEPEST_DETAIL} levels")
        return detail


class UserActions(Contract):
    """A batch of actions, kept all or none."""

    actions: Annotated[list[UserAction], Field(min_length=1, max_length=MOST_ACTIONS)]


class Stored(Contract):
    """How many actions were kept."""

    stored: int


class Prune(Contract):
    """Delete user actions older than this many days."""

    days: Annotated[int, Field(ge=1, le=36500)] = 365


class Pruned(Contract):
    """How many actions were deleted."""

    deleted: int


class Webhook(Contract):
    """Tell a URL that a job of the same tenant has ended. The ledger itself sends this, when the job ends.

    ended_at: which of its ends, where it has started over; None: the one that it has now.
    """

    job_id: Annotated[str, Field(min_length=1, max_length=255)]
    url: WebhookUrl
    ended_at: AwareDatetime | None = None


class Told(Contract):
    """The status, 200 to 299, with which the receiver took it. None: nobody was told, because the job had been started
    over in the meantime; its next end is told by a job of its own."""

    status: int | None


USER_ACTIONS = Task("ops_trace.user_actions", OPS_TRACE, UserActions, Stored)
PRUNE = Task("ops_trace.prune", OPS_TRACE, Prune, Pruned)
WEBHOOK = Task("ops_trace.webhook", OPS_TRACE, Webhook, Told)
