"""Who shares a queue in Redis, one command at a time: processes of ours, a stock worker, and what ought to be there."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import redis

from penstock_runtime.headers import DELIVERIES, HEADER
from penstock_runtime.transport.abandoned import Abandoned, Limits, redelivered, return_abandoned
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.scripts import BEAT, BORN, BURY, HOLD_AGAIN, PUT_BACK, WAKE
from penstock_runtime.transport.turn_script import TURN

LIMITS = Limits(abandoned_after=100, stock_after=1000, deliveries=2, dead_letters=4)
NAMES = re.compile(rb"<m(\d+)>")

Place = tuple[str, str]
"""A queue and a delivery tag."""


def name_in(text: bytes) -> int:
    """Which of the test's messages a text is, in whatever form."""
    found = NAMES.search(text)
    assert found, text
    return int(found[1])


def keys_of(queue: str, prefix: str) -> QueueKeys:
    return QueueKeys.of(queue, prefix=prefix, separator=":", steps=(0, 5))


def a_text(number: int, priority: int, kind: str) -> bytes:
    """A message as kombu writes it, as a ledger job's, without headers, or none at all."""
    if kind == "garbage":
        return b"<m%d> \xff is no JSON" % number
    properties = {"priority": priority, "delivery_tag": f"their-{number}", "delivery_info": {"routing_key": "x"}}
    message: dict[str, Any] = {"body": f"<m{number}>", "properties": properties}
    if kind != "headless":
        message["headers"] = {"id": str(number)} | ({HEADER: {}} if kind == "ledger" else {})
    return json.dumps(message).encode()


def is_given_up(entry: bytes, kind: str) -> bool:
    """Whether a message in flight of that kind becomes a dead letter when its process dies."""
    headers = {} if kind == "garbage" else json.loads(entry)[0].get("headers", {})
    died = headers.get(DELIVERIES, 0) + 1
    return kind == "garbage" or (died >= LIMITS.deliveries and HEADER not in headers)


@dataclass
class Process:
    """One process of ours. `sure`: nothing it holds can have been given to another since its last sign of life."""

    client: "redis.Redis"
    prefix: str
    queues: list[QueueKeys]
    id: str = field(default_factory=lambda: uuid4().hex)
    number: int = 0
    held: dict[Place, bytes] = field(default_factory=dict)
    settled: list[Place] = field(default_factory=list)
    judged: tuple[list[Abandoned], float] = ((), 0.0)  # type: ignore[assignment]
    born: bytes = b""
    stopped: bool = False
    sure: bool = True

    def turn(
        self, queues: list[QueueKeys], want: int, *, floor: int = 0, listening: int = 0, hears: bool = True
    ) -> list[tuple[QueueKeys, str, bytes]]:
        """Settle and claim. Where the answer is not heard, this process knows of neither."""
        keys, told = [f"{self.prefix}{WAKE}{self.id}"], {one.queue: [] for one in queues}
        for queue, tag in self.settled:
            told.get(queue, []).append(tag)
        arguments: list[Any] = [self.id, self.number, want, 2, floor, listening, f"{self.prefix}{WAKE}"]
        for one in queues:
            keys += [one.unacked, one.index, one.watch, one.waiting, one.paused, *one.lists]
            arguments += [one.name_as_json, len(told[one.queue]), *told[one.queue]]
        self.number += want
        answer, _ = self.client.register_script(TURN.text)(keys, arguments)
        claimed = [(queues[answer[i] - 1], answer[i + 1].decode(), answer[i + 2]) for i in range(0, len(answer), 3)]
        if hears:
            self.settled = [place for place in self.settled if place[0] not in told]
            self.held |= {(one.queue, tag): raw for one, tag, raw in claimed}
        return claimed

    def put_back(self, one: QueueKeys, tag: str, *, front: bool) -> tuple[str, bool]:
        """The list, and whether it went there."""
        text, to = redelivered(one, self.held.pop((one.queue, tag)))
        [done] = self.client.register_script(PUT_BACK.text)(
            (one.unacked, one.index, to), (int(front), "", tag, text, 1)
        )
        return to, bool(done)

    def bury(self, one: QueueKeys, tag: str) -> bool:
        letter = json.dumps({"message": self.held.pop((one.queue, tag)).decode(errors="replace")})
        keys = one.unacked, one.index, one.dead, one.dead_index
        return bool(self.client.register_script(BURY.text)(keys, (tag, letter, LIMITS.dead_letters, "")))

    def beat(self, *, look: bool = False, most: int = 100) -> list[Place]:
        """Give a sign of life, keep what is judged for `return_judged`, and return what was held again after a wipe."""
        keys = [self.prefix + BORN, *(name for one in self.queues for name in (one.unacked, one.index))]
        arguments: list[Any] = [uuid4().hex, LIMITS.abandoned_after, LIMITS.stock_after, int(look), most]
        for one in self.queues:
            tags = [tag for queue, tag in self.held if queue == one.queue]
            arguments += [len(tags), *tags]
        born, missing, old, at = self.client.register_script(BEAT.text)(keys, arguments)
        wiped, self.born = self.born not in (b"", born), born
        again = []
        for i in range(0, len(missing), 2):
            one, tag = self.queues[missing[i] - 1], missing[i + 1].decode()
            raw = self.held[one.queue, tag]
            if not wiped:
                del self.held[one.queue, tag]
                continue
            entry = b'[%s,"",%s]' % (raw, one.name_as_json)
            assert self.client.register_script(HOLD_AGAIN.text)((one.unacked, one.index), (tag, entry)) == 1
            again.append((one.queue, tag))
        if look:
            found = [Abandoned(self.queues[old[i] - 1], old[i + 1].decode(), old[i + 2]) for i in range(0, len(old), 3)]
            self.judged = found, float(at)
        return again

    def return_judged(self, most: int = 1000) -> list[Abandoned]:
        """Return what was judged, the newest first; after `most` of them the process dies."""
        found, at = self.judged
        self.judged = [], 0.0
        done = sorted(found, key=lambda item: item.place, reverse=True)[:most]
        return_abandoned(self.client, done, LIMITS, now=at)
        return done


class Stock:
    """A worker of stock kombu, command by command as `kombu.transport.redis` has them."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client

    def pop(self, one: QueueKeys) -> tuple[str, bytes] | None:
        for name in one.lists:
            if text := self._client.rpop(name):
                return name, text
        return None

    def record(self, one: QueueKeys, text: bytes) -> str:
        message, now = json.loads(text), self._client.time()
        tag: str = message["properties"]["delivery_tag"]
        with self._client.pipeline() as pipe:
            pipe.zadd(one.index, {tag: now[0] + now[1] / 1e6})
            pipe.hset(one.unacked, tag, json.dumps([message, "", one.queue])).execute()
        return tag

    def ack(self, one: QueueKeys, tag: str) -> None:
        with self._client.pipeline() as pipe:
            pipe.zrem(one.index, tag).hdel(one.unacked, tag).execute()

    def restore(self, one: QueueKeys, tag: str) -> str | None:
        """By visibility timeout: the list that it went to. Raises ValueError for what it cannot read."""
        to: list[str] = []

        def move(pipe: Any) -> None:
            entry = pipe.hget(one.unacked, tag)
            pipe.multi()
            pipe.zrem(one.index, tag).hdel(one.unacked, tag)
            if entry:
                message = json.loads(entry)[0]
                message.setdefault("headers", {})["redelivered"] = True
                to[:] = [one.list_for(message["properties"]["priority"])]
                pipe.rpush(to[0], json.dumps(message))

        self._client.transaction(move, one.unacked)
        return to[0] if to else None


@dataclass
class Contents:
    """Where each message is. A list's next message is its last."""

    lists: dict[str, list[int]]
    in_flight: dict[Place, int] = field(default_factory=dict)
    dead: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, client: "redis.Redis", queues: list[QueueKeys]) -> "Contents":
        """What Redis holds. Index and hash name the same deliveries, in flight and dead."""
        found = cls({})
        with client.pipeline(transaction=False) as pipe:  # a full Redis refuses every MULTI
            for one in queues:
                for name in one.lists:
                    pipe.lrange(name, 0, -1)
                pipe.hgetall(one.unacked).zrange(one.index, 0, -1).hgetall(one.dead).zrange(one.dead_index, 0, -1)
            answers: Iterator[Any] = iter(pipe.execute())
        for one in queues:
            for name in one.lists:
                found.lists[name] = [name_in(text) for text in next(answers)]
            entries, index, letters, dead_index = (next(answers) for _ in range(4))
            assert sorted(entries) == sorted(index)
            assert sorted(letters) == sorted(dead_index)
            found.in_flight |= {(one.queue, tag.decode()): name_in(entry) for tag, entry in entries.items()}
            found.dead[one.queue] = [name_in(letters[tag]) for tag in dead_index]
        return found

    def names(self) -> list[int]:
        """Of every message that is anywhere."""
        listed = [name for names in (*self.lists.values(), *self.dead.values()) for name in names]
        return sorted([*listed, *self.in_flight.values()])
