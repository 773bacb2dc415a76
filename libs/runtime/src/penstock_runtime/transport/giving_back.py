"""Messages that this process gives back: it was told to, or ends."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import redis

from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.scripts import PUT_BACK

Item = TypeVar("Item")


@dataclass(frozen=True)
class Return:
    """A message in flight that goes back: to the front of the line, or to its end."""

    keys: QueueKeys
    tag: str
    message: str
    to: str
    front: bool


def put_back(client: "redis.Redis", items: Sequence[Return], born_key: str, born: str) -> None:
    """Move them to their lists, in order. May be repeated.

    born: how this content of Redis was last called. Another one has lost them: they go to their lists all the same,
    since nobody else can have them. Raises what redis-py does.
    """
    groups: dict[tuple[QueueKeys, bool], list[Return]] = {}
    for item in items:
        groups.setdefault((item.keys, item.front), []).append(item)
    for (keys, front), group in groups.items():
        arguments: list[str | int] = [int(front), ""]
        for item in group:
            arguments += [item.tag, item.message, keys.lists.index(item.to) + 1]
        moved = client.register_script(PUT_BACK.text)((keys.unacked, keys.index, *keys.lists), arguments)
        gone = [item for item, done in zip(group, moved, strict=True) if not done]
        if gone and _was_wiped(client, born_key, born):
            for item in gone:
                (client.rpush if front else client.lpush)(item.to, item.message)


def _was_wiped(client: "redis.Redis", born_key: str, born: str) -> bool:
    now: Any = client.get(born_key)
    return now is None or now.decode() != born


def taken(line: "deque[Item]", most: int) -> "list[Item]":
    """The first ones of a line, removed from it. Other threads may take from it, too."""
    found: list[Item] = []
    with suppress(IndexError):
        while len(found) < most:
            found.append(line.popleft())
    return found
