"""Reading a message that anybody may have sent. Celery reads parts unchecked, and a wrong one would end its loop."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.utils.time import maybe_iso8601, maybe_make_aware
from kombu.exceptions import ContentDisallowed, DecodeError

from penstock_contracts.queues import Priority
from penstock_runtime.headers import HEADER
from penstock_runtime.ledger.accept import Unstorable, canonical

NEVER = "-"
"""Stands in a message's headers where Celery would show its arguments: to events, logs, and who inspects a worker."""

LONGEST_ID = 255
"""Characters of a task id. A longer one is taken for no id."""

LONGEST_NAME = 200
"""Characters of a task's or queue's name that are logged. Names are the sender's, and may be anything."""

EMBEDDED = ("callbacks", "errbacks", "chain", "chord", "root_id", "parent_id")
"""What a Celery client may want to happen after its task; kept in the row, so that a retry keeps it."""

KINDS: dict[str, type | tuple[type, ...]] = {
    "eta": str,
    "expires": str,
    "group": str,
    "parent_id": str,
    "retries": int,
    "root_id": str,
    "shadow": str,
    "stamped_headers": (list, tuple),
    "stamps": dict,
    "timelimit": (list, tuple),
}
"""What Celery uses of a header without looking at it; none of them has to be there."""


@dataclass(frozen=True)
class Identity:
    """What a message says of itself. `job_id` None: no usable one. `known`: the ledger has published it."""

    job_id: str | None
    task: str
    queue: str
    known: bool

    def about(self) -> dict[str, str | None]:
        """For a log line: nothing of what the message carries."""
        return {"job": self.job_id, "task": self.task[:LONGEST_NAME], "queue": self.queue[:LONGEST_NAME]}


@dataclass(frozen=True)
class Call:
    """What a message of a task asks for. Times are aware."""

    args: list[Any]
    kwargs: dict[str, Any]
    embed: dict[str, Any] | None
    eta: datetime | None
    expires: datetime | None
    priority: Priority


def identify(message: Any) -> Identity:
    """Read what can be read; raises nothing, whatever the message is."""
    headers = message.headers if isinstance(message.headers, dict) else {}
    named: Mapping[str, Any] = headers
    if "id" not in headers:
        with suppress(Exception):  # whatever a decoder raises
            named = message.payload if isinstance(message.payload, dict) else headers
    task, queue = named.get("task"), (message.delivery_info or {}).get("routing_key")
    return Identity(
        job_id=_usable(named.get("id")),
        task=task if isinstance(task, str) else "",
        queue=queue if isinstance(queue, str) else "",
        known=HEADER in headers,
    )


def _usable(given: Any) -> str | None:
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST_ID:
        return None
    try:
        canonical(given)
    except Unstorable:
        return None
    return given


def read_call(message: Any) -> Call:
    """The call in a message, of either of Celery's protocols.

    Raises InvalidTaskError, without a value in its text, where a worker could not run it; what the decoder raises.
    """
    fields = fields_of(message)
    _check(fields)
    args, kwargs, after = _parts(decoded(message))
    embed = {key: after.get(key, fields.get(key)) for key in EMBEDDED}
    follows = any(embed[key] for key in ("callbacks", "errbacks", "chain", "chord"))
    return Call(
        args=list(args),
        kwargs=kwargs,
        embed=embed if follows else None,
        eta=_time(fields, "eta"),
        expires=_time(fields, "expires"),
        priority=priority_of((message.properties or {}).get("priority")),
    )


def fields_of(message: Any) -> dict[str, Any]:
    """Where a message has its id, task and times: its headers, or in Celery's first protocol its body."""
    fields: dict[str, Any] = message.headers if "task" in message.headers else decoded(message)
    return fields


def decoded(message: Any) -> Any:
    """The body. Raises DecodeError or ContentDisallowed, and nothing else."""
    try:
        return message.payload
    except (DecodeError, ContentDisallowed):
        raise
    except Exception as error:  # kombu looks at a content type or encoding that may be anything
        raise DecodeError(type(error).__name__) from error


def hide_arguments(message: Any) -> None:
    """Take what another sender shows of the arguments out of the headers."""
    for name in ("argsrepr", "kwargsrepr"):
        if name in message.headers:
            message.headers[name] = NEVER


def priority_of(given: Any) -> Priority:
    """One of our two steps for any priority that a Celery client may give."""
    return Priority.BULK if isinstance(given, int) and given >= Priority.BULK else Priority.NORMAL


def _check(fields: Mapping[str, Any]) -> None:
    if _usable(fields.get("id")) is None:
        raise InvalidTaskError("its id is no text, empty, or too long")
    for name, kind in KINDS.items():
        if fields.get(name) is not None and not isinstance(fields[name], kind):
            raise InvalidTaskError(f"its {name} is of another kind than Celery's")
    limits = fields.get("timelimit") or (None, None)
    if len(limits) != 2 or not all(limit is None or isinstance(limit, int | float) for limit in limits):
        raise InvalidTaskError("its timelimit is no pair of numbers")


def _parts(payload: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Arguments, keyword arguments, and what is to follow."""
    if isinstance(payload, dict):  # the first protocol, or headers of the second one with a body of the first
        args, kwargs, after = payload.get("args", ()), payload.get("kwargs", {}), payload
    elif isinstance(payload, list | tuple) and len(payload) == 3:
        args, kwargs, after = payload
    else:
        raise InvalidTaskError("its body is not what Celery sends")
    whole = isinstance(args, list | tuple) and isinstance(kwargs, dict) and isinstance(after, dict | None)
    if not whole:
        raise InvalidTaskError("its arguments are not what Celery sends")
    return args, kwargs, after or {}


def _time(fields: Mapping[str, Any], name: str) -> datetime | None:
    if not fields.get(name):
        return None
    try:
        aware: datetime = maybe_make_aware(maybe_iso8601(fields[name]))
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidTaskError(f"its {name} is no time") from None
