"""What becomes of a message whose process died: it goes back to the front of its line, or to the dead letters."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from penstock_runtime.headers import DELIVERIES, HEADER
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.scripts import BURY, PUT_BACK

log = structlog.get_logger(__name__)

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)


@dataclass(frozen=True)
class Limits:
    """The bounds of what is in flight. Times are in seconds.

    abandoned_after: without a sign of life a message counts as abandoned. stock_after: the same for a stock worker's,
    which gives none: its visibility timeout. deliveries: of a message that kills its process each time, after which it
    is a dead letter. dead_letters: kept of each queue, the oldest go first.
    """

    abandoned_after: float = 22
    stock_after: float = 3600
    deliveries: int = 5
    dead_letters: int = 10_000


@dataclass(frozen=True)
class Abandoned:
    """An entry in flight without signs of life."""

    keys: QueueKeys
    tag: str
    entry: bytes

    @property
    def place(self) -> tuple[str, str, int]:
        """Entries sort as they were claimed, by each process."""
        owner, _, number = self.tag.rpartition(":")
        return self.keys.queue, owner, int(number) if number.isdecimal() else 0

    @property
    def raw_text(self) -> str:
        """The message within an entry that is no JSON, since the message is none."""
        return self.entry[1 : -len(b',"",' + self.keys.name_as_json + b"]")].decode(errors="replace")


def return_abandoned(client: "redis.Redis", found: Iterable[Abandoned], limits: Limits, *, now: float) -> None:
    """Return them in order: the newest first, so that the oldest stands first in line in the end."""
    put_back, bury = client.register_script(PUT_BACK.text), client.register_script(BURY.text)
    for item in sorted(found, key=lambda item: item.place, reverse=True):
        after = limits.abandoned_after if item.tag.startswith("penstock:") else limits.stock_after
        keys, until = item.keys, f"{now - after:.6f}"
        try:
            message = json.loads(item.entry)[0]
            count = counted(message)
            text, to = json.dumps(message), list_of(keys, message)
        except UNREADABLE:
            letter = dead_letter(item.raw_text, "undecodable", None, 1, at=now)
            bury((keys.unacked, keys.index, keys.dead, keys.dead_index), (item.tag, letter, limits.dead_letters, until))
            continue
        if count >= limits.deliveries and HEADER not in message["headers"]:
            letter = dead_letter(text, "worker_lost", "every process that ran it died", count, at=now)
            names = keys.unacked, keys.index, keys.dead, keys.dead_index
            if bury(names, (item.tag, letter, limits.dead_letters, until)):
                log.error("dead_letter", queue=keys.queue, reason="worker_lost", deliveries=count)
        elif put_back((keys.unacked, keys.index, to), (item.tag, text, 1, until)):
            log.warning("returned", queue=keys.queue, message=str(message["headers"].get("id"))[:64], deliveries=count)


def counted(message: dict[str, Any]) -> int:
    """Mark a message as one that a process died with, and say how many have."""
    mark_redelivered(message)
    headers = message["headers"]
    count = int(headers.get(DELIVERIES, 0)) + 1
    headers[DELIVERIES] = count
    return count


def mark_redelivered(message: dict[str, Any]) -> None:
    """As kombu marks what it restores. One without headers gets some, as `parsed` gives them to it."""
    message["headers"] = message.get("headers") or {}
    message["headers"]["redelivered"] = True
    info = message["properties"].get("delivery_info")
    if isinstance(info, dict):
        info["redelivered"] = True


def redelivered(keys: QueueKeys, raw: bytes) -> tuple[str, str]:
    """The text of a message that is given back, and the list that it came from."""
    try:
        message = json.loads(raw)
        mark_redelivered(message)
        return json.dumps(message), list_of(keys, message)
    except UNREADABLE:
        return raw.decode(errors="replace"), keys.lists[0]


def list_of(keys: QueueKeys, message: dict[str, Any]) -> str:
    """The list that a message of its priority stands on."""
    return keys.list_for(message["properties"].get("priority"))


def dead_letter(message: str, reason: str, error: str | None, deliveries: int, *, at: float) -> str:
    """A dead letter as it is kept. `at`: seconds since 1970, of Redis."""
    about = {"message": message, "reason": reason, "error": error, "deliveries": deliveries, "at": at}
    return json.dumps(about)
