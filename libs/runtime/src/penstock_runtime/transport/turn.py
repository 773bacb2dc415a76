"""A channel's turn: tell Redis what is settled, claim as much as there is room for, and deliver it."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import redis
from kombu.utils.scheduling import priority_cycle

from penstock_runtime.transport.abandoned import UNREADABLE
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.log import Log
from penstock_runtime.transport.message import Claimed, is_early, parsed, runs_alone
from penstock_runtime.transport.scripts import STEADY_MS, WAKE
from penstock_runtime.transport.turn_script import TURN
from penstock_runtime.transport.wire import Refusing, Wire, understood

log = Log(__name__)

FLOOR_EVERY = 16
"""One claim in so many begins at the least urgent list, with as large a part of what it claims."""

SAY_EVERY = STEADY_MS / 1000 * 0.4
"""Seconds after which a waiting process says again that it waits."""

REST = 2.0
"""Times `poll_interval` between two looks, where Redis tells of changes: then a look is for what it could not tell."""

PAUSE = 1.0
"""Seconds before a Redis that refuses to write is asked again."""


class Turns:
    """What a channel needs for its turns. A base of `penstock_runtime.transport.channel.Channel` alone."""

    # Of the channel.
    in_flight: Any
    no_ack_queues: set[str]
    wire: Any
    qos: Any
    connection: Any
    active_queues: Any
    global_keyprefix: Any
    poll_interval: float
    settle_within: float
    most_deliveries: int
    keys_of: Any
    bury: Any
    decode_body: Any
    _queue_cycle: Any

    def start_turns(self) -> None:
        """Before kombu's own beginning, which may fail and close the channel."""
        self.undelivered: deque[tuple[QueueKeys, str, bytes]] = deque()
        self._wire: Wire | None = None
        self._due = True
        self._look_at = self._said_at = self._paused_until = float("-inf")
        self._told_by = float("inf")
        self._heeded: set[bytes] = set()
        self._claims = 0
        self._solitary: deque[tuple[QueueKeys, str, dict[str, Any]]] = deque()
        self._alone = ""

    def work(self, most: float) -> int:
        """Do what there is to do now, and return how many messages were delivered: `most`, or fewer.

        What one claim took, however much there is: a pool that runs a task while it is delivered has room again at
        once, and the caller's loop is to stop, to answer and to keep time between two. Raises what redis-py does when
        the connection is gone.
        """
        while not (delivered := self._deliver(most)) and self._take_turn():
            pass
        return delivered

    def seconds_to_wait(self) -> float:
        """After which `work` is to be called again, whatever happens. A worker that has no room has nothing to look
        for: what it settles ends its wait."""
        if self.in_flight.has_settled:  # nobody rings for what ended while a claim was asked for
            turn_at = self._told_by if self._told_by < float("inf") else float("-inf")
        else:
            turn_at = self._look_at if self._room() > 0 else float("inf")
        return max(0.0, max(turn_at, self._paused_until) - monotonic())

    def heed(self) -> None:
        """Read what Redis has told of. Heeded is a change of a list that this process watches, the
        resume of its queue, and being woken."""
        if self._wire is not None:
            changed = self._wire.changed()
            if b"" in changed or not changed.isdisjoint(self._heeded):
                self._due = True

    def _room(self) -> int:
        if self._solitary or (self._alone and self.in_flight.is_held(self._alone)):
            return 0
        qos = self.qos
        # Celery's `worker_disable_prefetch` puts a limit of its own there, which is to be asked before each message.
        return int(qos.can_consume()) if "can_consume" in vars(qos) else max(0, qos.room())

    def _take_turn(self) -> bool:
        """Whether something may be there to deliver, or to claim."""
        now = monotonic()
        is_time = self._due or now >= self._look_at
        if now < self._paused_until or not (is_time or self.in_flight.has_news):
            return False
        queues = [self.keys_of(name) for name in self._queue_cycle.consume(len(self.active_queues))]
        room = self._room() if queues else 0
        try:
            with understood:
                if queues and self.in_flight.signs.may_look:
                    self.in_flight.signs.look(self.wire)
                if self._ask_after(queues):
                    return True
                if self.in_flight.settled_beside():
                    self.in_flight.flush()
            due = room > 0 and (self._due or now >= self._look_at)
            if not queues or not (due or self.in_flight.has_settled) or self._may_wait(room, now):
                return False
            claimed = self._claim(queues, room, now)
        except Refusing as error:
            log.warning("redis_refuses", reason=str(error), then="asked again in a second")
            self._paused_until = now + PAUSE
            return False
        return claimed > 0 or (room > 0 and self._due)

    def _may_wait(self, room: int, now: float) -> bool:
        """Whether what is settled can be told later: the pool has more than it does at once, and not half of what it
        may have is gone."""
        reserve = len(self.in_flight) > self.connection.slots and 2 * room < self.qos.prefetch_count
        if not (reserve and self.in_flight.has_settled):
            return False
        if self._told_by == float("inf"):
            self._told_by = now + self.settle_within
            self.connection.cycle.remind(self.settle_within)
        return now < self._told_by

    def _ask_after(self, queues: Sequence[QueueKeys]) -> bool:
        """Whether claims whose answer was lost have taken something: it is this process's, and is delivered now."""
        found = 0
        for keys, tags in self.in_flight.doubted(queues):
            try:
                entries = self.in_flight.client().hmget(keys.unacked, tags)
            except BaseException:
                self.in_flight.doubt(keys, tags)
                raise
            for tag, entry in zip(tags, entries, strict=True):
                if entry is not None:
                    raw = keys.message_of(entry)
                    self.in_flight.hold(tag, keys, raw)
                    self.undelivered.append((keys, tag, raw))
                    found += 1
        return found > 0

    def _claim(self, queues: Sequence[QueueKeys], room: int, now: float) -> int:
        self._told_by = float("inf")
        says = "2" if room == 0 or now - self._said_at > SAY_EVERY else "1"
        floor = -1 if isinstance(self._queue_cycle, priority_cycle) else 0
        if room and floor == 0:
            self._claims += 1
            floor = -(-room // FLOOR_EVERY) if self._claims % FLOOR_EVERY == 0 else 0
        claimed, watching = self.run_turn(queues, room, floor, says)
        for queue, tag, raw in claimed:
            self.in_flight.hold(tag, queue, raw)
            self.undelivered.append((queue, tag, raw))
        if len(claimed) < room:
            self._due = False
            self._look_at = now + self.poll_interval * (REST if self.wire.pushes else 1)
            if says == "2":
                self._said_at = now
                self._heed(queue for queue, watches in zip(queues, watching, strict=True) if watches)
            if self.wire.has_more:  # it came together with the answer, and the socket would not tell
                self.heed()
        elif room:
            self._due, self._said_at = True, float("-inf")
        if claimed:
            self._queue_cycle.rotate(claimed[0][0].queue)
        return len(claimed)

    def _heed(self, watched: Any) -> None:
        self._heeded = {self._wake_key.encode()}.union(*(queue.heeded for queue in watched))

    @property
    def _wake_key(self) -> str:
        return f"{self.global_keyprefix}{WAKE}{self.in_flight.process}"

    def run_turn(
        self, queues: Sequence[QueueKeys], room: int, floor: int, listening: str
    ) -> tuple[list[tuple[QueueKeys, str, bytes]], list[int]]:
        """One script. Raises Refusing, and what redis-py does; nothing is lost then: what it may have claimed is asked
        after, and what was settled is told again."""
        with understood:
            self.wire.connect()  # a claim that fails for this was not sent
        settled, first = self.in_flight.settled(queues), self.in_flight.numbers(room)
        keys = [self._wake_key]
        lists = len(queues[0].lists) if queues else 0
        arguments: list[Any] = [self.in_flight.process, first, room, lists]
        arguments += [floor, listening, f"{self.global_keyprefix}{WAKE}"]
        for queue in queues:
            keys += [queue.unacked, queue.index, queue.watch, queue.waiting, queue.paused, *queue.lists]
            arguments += [queue.name_as_json, len(settled[queue]), *settled[queue]]
        idle = self.connection.outlives and not self.in_flight
        try:
            claimed, watching = self.wire.run(TURN, keys, arguments, idle=idle)
        except BaseException as error:
            self.in_flight.unsettle(settled)
            if room and not isinstance(error, Refusing):
                for queue in queues:
                    self.in_flight.doubt(queue, self.in_flight.tags_from(first, room))
            raise
        found = [(queues[claimed[i] - 1], claimed[i + 1].decode(), claimed[i + 2]) for i in range(0, len(claimed), 3)]
        return found, watching

    def hand_over(self) -> None:
        """This channel claims no more: let another process watch its queues, if Redis can be asked."""
        if self._wire is not None and self._said_at != float("-inf"):
            self._said_at = float("-inf")
            queues = [self.keys_of(name) for name in self.active_queues]
            with suppress(redis.RedisError, OSError, Refusing):
                self.run_turn(queues, 0, 0, "2")

    def _deliver(self, most: float) -> int:
        count = self._deliver_alone() if self._solitary else 0
        while self.undelivered and count < most:
            keys, tag, raw = self.undelivered.popleft()
            message = self.read(keys, tag, raw) if self.in_flight.is_held(tag) else None
            if message is None:
                continue
            # Until its time comes it would keep all others out, and does no harm.
            if runs_alone(message, self.most_deliveries) and not is_early(message["headers"].get("eta")):
                self._solitary.append((keys, tag, message))
                count += self._deliver_alone()
            else:
                self._hand_out(keys, tag, message)
                count += 1
        return count

    def read(self, keys: QueueKeys, tag: str, raw: bytes) -> dict[str, Any] | None:
        """The message of a claim; None where it is not readable, and was buried."""
        try:
            message = parsed(raw)
            if message.get("body"):  # kombu's loop would end at one that it cannot decode
                self.decode_body(message["body"], message["properties"].get("body_encoding"))
            return message
        except UNREADABLE:
            log.error("undecodable", queue=keys.queue, bytes=len(raw), then="a dead letter")
            self.bury(tag, "undecodable", None)
            return None

    def _deliver_alone(self) -> int:
        """A message that may be the death of its process waits until nothing else is held, and nothing joins it."""
        if not self._solitary or len(self.in_flight) != len(self._solitary):
            return 0
        keys, tag, message = self._solitary.popleft()
        self._alone = tag
        self._hand_out(keys, tag, message)
        return 1

    def _hand_out(self, keys: QueueKeys, tag: str, message: dict[str, Any]) -> None:
        if keys.queue in self.no_ack_queues:
            self.in_flight.settle(tag)
        self.connection._deliver(Claimed(message, tag), keys.queue)

    def give_back_undelivered(self, queue: str | None = None) -> None:
        """What was claimed and not delivered goes back to the front of its line."""
        for keys, tag, raw in reversed(list(self.undelivered)):
            if queue in (None, keys.queue):
                self.undelivered.remove((keys, tag, raw))
                self.in_flight.give_back(tag, front=True)
        for item in reversed(list(self._solitary)):
            if queue in (None, item[0].queue):
                self._solitary.remove(item)
                self.in_flight.give_back(item[1], front=True)
