"""Messages as they are claimed and delivered."""

import json
from typing import Any

from kombu.transport import virtual
from kombu.utils.json import loads


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
