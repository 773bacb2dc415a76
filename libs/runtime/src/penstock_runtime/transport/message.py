"""Messages as they are claimed and delivered."""

import json
from datetime import UTC, datetime
from typing import Any

from kombu.transport import virtual
from kombu.utils.json import loads

from penstock_runtime.headers import DELIVERIES, HEADER


class Claimed(dict[str, Any]):
    """A message as it was claimed, with the tag that tells this delivery from others of the same message."""

    def __init__(self, message: dict[str, Any], tag: str) -> None:
        super().__init__(message)
        self.tag = tag


class Message(virtual.Message):
    """A delivery. Its tag is its own; the producer's is the same on each delivery of the message."""

    def __init__(self, payload: dict[str, Any], channel: Any = None, **options: Any) -> None:
        super().__init__(payload, channel=channel, **options)
        if isinstance(payload, Claimed):
            self.delivery_tag = payload.tag


def parsed(raw: bytes) -> dict[str, Any]:
    """The message in the text of a list. Raises ValueError where it is none of kombu's."""
    # kombu's own reader makes dates and the like of marked objects, at ten times the cost.
    message = loads(raw.decode()) if b'"__type__"' in raw else json.loads(raw)
    if not (
        isinstance(message, dict)
        and isinstance(message.get("properties"), dict)
        and isinstance(message.setdefault("headers", {}) or {}, dict)
    ):
        raise ValueError("it has no properties, or its headers are none")
    message["headers"] = message["headers"] or {}
    message["properties"].setdefault("delivery_tag", "")
    return message


def runs_alone(message: dict[str, Any], most_deliveries: int) -> bool:
    """Whether processes have died with this message so often that the next death is its last.

    Its neighbours are not to die with it. The ledger says so of its jobs, whose attempts it counts.
    """
    headers = message["headers"]
    died = headers.get(DELIVERIES)
    died = died if isinstance(died, int) else 0
    ledger = headers.get(HEADER)
    if isinstance(ledger, dict):
        left = ledger.get("attempts_left")
        return bool(ledger.get("alone")) or (isinstance(left, int) and died > 0 and left - died <= 1)
    return died >= most_deliveries - 1


def is_early(eta: object) -> bool:
    """Whether this is a time that is still to come."""
    try:
        at = datetime.fromisoformat(str(eta))
    except ValueError:
        return False
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) > datetime.now(UTC)
