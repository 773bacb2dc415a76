"""What becomes of a message whose process died: it goes back to the front of its line, or to the dead letters."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis

from penstock_runtime.headers import DELIVERIES, HEADER
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.log import Log
from penstock_runtime.transport.scripts import BURY, PUT_BACK, TAG

log = Log(__name__)

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What reading a message raises that is none, whatever it is instead."""


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
    def is_ours(self) -> bool:
        """Whether a process of ours claimed it; else a stock worker did."""
        return self.tag.startswith(TAG)

    @property
    def raw_text(self) -> str:
        """The message within an entry that is no JSON, since the message is none."""
        return self.entry[1 : -len(b',"",' + self.keys.name_as_json + b"]")].decode(errors="replace")


def return_abandoned(client: "redis.Redis", found: Iterable[Abandoned], limits: Limits, *, now: float) -> None:
    """Return them, each process's in their order: pushed newest first, the oldest stands first in line in the end."""
    put_back = client.register_script(PUT_BACK.text)
    groups: dict[tuple[QueueKeys, bool], list[tuple[Abandoned, dict[str, Any]]]] = {}
    for item in sorted(found, key=lambda item: item.place, reverse=True):
        message = _readable(client, item, limits, now)
        if message is not None:
            groups.setdefault((item.keys, item.is_ours), []).append((item, message))
    for (keys, ours), group in groups.items():
        arguments: list[str | int] = [1, _until(ours, limits, now)]
        for item, message in group:
            arguments += [item.tag, json.dumps(message), keys.lists.index(list_of(keys, message)) + 1]
        moved = put_back((keys.unacked, keys.index, *keys.lists), arguments)
        for (_, message), done in zip(group, moved, strict=True):
            if done:
                about = {
                    "message": str(message["headers"].get("id"))[:64],
                    "deliveries": message["headers"][DELIVERIES],
                }
                log.warning("returned", queue=keys.queue, **about)


def _until(ours: bool, limits: Limits, now: float) -> str:
    return f"{now - (limits.abandoned_after if ours else limits.stock_after):.6f}"


def _readable(client: "redis.Redis", item: Abandoned, limits: Limits, now: float) -> dict[str, Any] | None:
    """The message to return, marked; None where it became a dead letter."""
    try:
        message: dict[str, Any] = json.loads(item.entry)[0]
        count = counted(message)
        list_of(item.keys, message)
    except UNREADABLE:
        letter = dead_letter(item.raw_text, "undecodable", None, 1, at=now)
        count, reason = 1, "undecodable"
    else:
        if count < limits.deliveries or HEADER in message["headers"]:
            return message
        error, reason = "every process that ran it died", "worker_lost"
        letter = dead_letter(json.dumps(message), reason, error, count, at=now)
    keys = item.keys
    names = keys.unacked, keys.index, keys.dead, keys.dead_index
    until = _until(item.is_ours, limits, now)
    if client.register_script(BURY.text)(names, (item.tag, letter, limits.dead_letters, until)):
        log.error("dead_letter", queue=keys.queue, reason=reason, deliveries=count)
    return None


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
