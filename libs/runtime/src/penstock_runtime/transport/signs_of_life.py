"""Signs of life: given for what this process holds, and missed where another process held something and died."""

from time import monotonic
from typing import Any
from uuid import uuid4

import redis

from penstock_runtime.native import native_sleep, native_thread
from penstock_runtime.transport.abandoned import Abandoned, Limits, return_abandoned
from penstock_runtime.transport.keys import QueueKeys
from penstock_runtime.transport.log import Log
from penstock_runtime.transport.scripts import BEAT, HOLD_AGAIN

log = Log(__name__)

BEAT_EVERY = 3.0
"""Seconds between two signs of life for what is held."""

LOOK_EVERY = 6.0
"""Seconds between two looks for what other processes have abandoned, by a process that holds nothing itself."""

MOST_RETURNED = 100
"""Abandoned messages that one look returns, from each queue."""

GONE = (redis.RedisError, OSError)


class SignsOfLife:
    """Those of one process for one Redis.

    A native thread gives them while something is held, and looks for those of others with them. While nothing is, the
    consumer's loop looks, over the connection that it claims with: an idle worker needs no other. Where that loop has
    not turned for long, the thread does it as often, until the loop turns again.
    """

    def __init__(self, book: Any, client: "redis.Redis", limits: Limits, born_key: str) -> None:
        """book: an `InFlight`. client: the thread's own. born_key: names this content of Redis."""
        self._book = book
        self._client = client
        self._limits = limits
        self.born_key = born_key
        self.born = ""
        """How this content of Redis was called by the last answer."""
        self._running = False
        self._healthy_since = self._answered_at = float("-inf")
        self._looked_at = float("-inf")
        self._is_alone = False
        # Often enough to be steady though the loop turns as seldom as the thread, and one turn comes late.
        self._look_every = min(LOOK_EVERY, max(0.0, limits.abandoned_after / 2 - 2 * BEAT_EVERY))

    def start(self) -> None:
        """Start the thread, the first time."""
        if not self._running:
            self._running = True
            native_thread(self._beat_for_ever, "signs-of-life")

    def _beat_for_ever(self) -> None:
        sleep, silent = native_sleep(), False
        while True:
            sleep(BEAT_EVERY)
            try:
                self.beat()
                silent = False
            except GONE as error:
                if not silent:
                    log.warning("no_sign_of_life", holds=len(self._book), reason=type(error).__name__)
                silent = True
            except Exception:  # the edge of the thread: were it to end, everything held would be given to others
                log.exception("fault")

    def beat(self) -> None:
        """The thread's: refresh what is held, and return what others have abandoned. Raises what redis-py does."""
        idle = not len(self._book)
        if not idle or self._is_over(self._look_every + (0 if self._is_alone else BEAT_EVERY)):
            self._is_alone = idle  # nobody else has looked for too long: as often from now on as who should have
            self._book.flush(self._client)
            self._exchange(self._client.register_script(BEAT.text), self._client)
        elif self._book.has_settled:
            self._book.flush(self._client)

    @property
    def may_look(self) -> bool:
        """Whether it is time for `look`, or to take it back from the thread."""
        return not len(self._book) and (self._is_alone or self._is_over(self._look_every))

    def look(self, wire: Any) -> None:
        """A consumer's, which holds nothing: return what others have abandoned. Raises what `Wire.run` does, and what
        redis-py does where there is something to return."""
        self._is_alone = False
        self._exchange(lambda keys, arguments: wire.run(BEAT, keys, arguments, idle=True), self._book.client())

    def _is_over(self, seconds: float) -> bool:
        return monotonic() - self._looked_at >= seconds

    def _exchange(self, run: Any, client: "redis.Redis") -> None:
        self._looked_at = monotonic()
        held: dict[QueueKeys, list[str]] = self._book.held_by_queue()
        if not held:
            return
        queues = list(held)
        keys = [self.born_key, *(name for one in queues for name in (one.unacked, one.index))]
        arguments: list[str | int | float] = [uuid4().hex, self._limits.abandoned_after, self._limits.stock_after]
        arguments += [int(self._may_judge()), MOST_RETURNED]
        for one in queues:
            arguments += [len(held[one]), *held[one]]
        born, missing, abandoned, at = run(keys, arguments)
        self._answered()
        self._lost([tag.decode() for tag in missing[1::2]], born.decode(), client)
        found = [
            Abandoned(queues[abandoned[i] - 1], abandoned[i + 1].decode(), abandoned[i + 2])
            for i in range(0, len(abandoned), 3)
        ]
        return_abandoned(client, found, self._limits, now=float(at))

    def _may_judge(self) -> bool:
        """Nobody is judged before this process has seen Redis answer for a whole term: after an outage, or after this
        process was stopped itself, every sign of life is old."""
        return monotonic() - self._healthy_since >= self._limits.abandoned_after and self._is_steady()

    def _is_steady(self) -> bool:
        return monotonic() - self._answered_at < self._limits.abandoned_after / 2

    def _answered(self) -> None:
        if not self._is_steady():
            self._healthy_since = monotonic()
        self._answered_at = monotonic()

    def _lost(self, tags: list[str], born: str, client: "redis.Redis") -> None:
        """Redis has these no longer: it was wiped, and is told again; or somebody else was given them."""
        wiped = born != self.born  # before the first sign of life too: nobody judges so soon after a claim
        self.born = born
        lost = [(tag, held) for tag in tags if (held := self._book.held(tag))]  # else it was settled meanwhile
        for tag, held in lost:
            if wiped:
                keys = held.keys.unacked, held.keys.index
                client.register_script(HOLD_AGAIN.text)(keys, (tag, held.keys.entry(held.raw)))
            else:
                self._book.drop(tag)
        if lost:
            log.warning("redis_forgot" if wiped else "given_to_others", deliveries=len(lost))
