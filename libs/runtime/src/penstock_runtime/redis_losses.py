"""What the relay asks of Redis: whether it still knows the newest epoch, and what stands at the end of each list."""

import math
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import Engine

from penstock_contracts.queues import Priority, Queue
from penstock_runtime import ledgers, pausing, redis_server
from penstock_runtime.backlog import in_flight, read_tail
from penstock_runtime.broker import redis_errors
from penstock_runtime.ledger import lost
from penstock_runtime.ledger.pauses import Pause
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

EPOCH_KEY = "penstock:epoch"

RAISE_EPOCH = f"""{ledgers.SIGN}
sign(KEYS[2], ARGV[3], ARGV[4])
local now = tonumber(redis.call('GET', KEYS[1]) or '0')
if now < tonumber(ARGV[2]) then return 0 end
if tonumber(ARGV[1]) > now then redis.call('SET', KEYS[1], ARGV[1]) end
return 1
"""
"""Only ever upwards: a relay that was stopped and goes on must not look like a Redis that lost its newest writes.

And only from the epoch it was seen with: what Redis lost since then would else never be noticed. 0 where it did.
"""


class RedisLosses:
    """The relay's view. `engine`: the ledger's."""

    def __init__(self, settings: RuntimeSettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._redis = redis_server.client(settings)
        self._ledger: str | None = None

    def tell_pauses(self, read: Callable[[], Mapping[str, Pause]]) -> None:
        """Have Redis say what is paused. Raises Unavailable, and what `read` does."""
        pausing.tell(self._redis, read)

    def note(self) -> None:
        """Raise the epoch in both, or note a loss where Redis lags behind. Raises Unavailable."""
        with self._engine.begin() as connection:
            seen = lost.read_counter(connection)
            if self._ledger is None:
                self._ledger = ledgers.identify(connection)
        with redis_errors():
            known = int(self._redis.get(EPOCH_KEY) or 0)
            run_id = str(self._redis.info("server")["run_id"])
        if seen.run_id is None:
            with self._engine.begin() as connection:
                lost.first_sight(connection, run_id)
        elif known < seen.confirmed or run_id != seen.run_id:
            self._note_loss(seen, known, run_id)
            return
        with self._engine.begin() as connection:
            epoch = lost.next_epoch(connection, every=self._settings.relay_every)
        if epoch is not None and self._raise_epoch(epoch, seen.confirmed):
            with self._engine.begin() as connection:
                lost.confirm_epoch(connection, epoch)

    def _note_loss(self, seen: lost.Counter, known: int, run_id: str) -> None:
        # A publisher reads the epoch with its stamp, and may push until its time-out; a replica or an append-only file
        # may lack about the last second.
        margin = math.ceil(self._settings.publish_timeout / (self._settings.relay_every * lost.EARLIEST)) + 2
        with self._engine.begin() as connection:
            epoch = lost.note_loss(connection, seen, known=known, run_id=run_id, margin=margin)
        if epoch is not None:
            log.warning("redis_lost_data", known_epoch=known, expected_epoch=seen.confirmed, then="publishing again")
            self._raise_epoch(epoch, known)

    def _raise_epoch(self, epoch: int, known: int) -> bool:
        with redis_errors():
            names = self._ledger or "", ledgers.where_of(self._settings)
            return bool(self._redis.eval(RAISE_EPOCH, 2, EPOCH_KEY, ledgers.KEY, epoch, known, *names))

    def absent_ids(self, queue: Queue, priority: Priority) -> list[str] | None:
        """Rows older than what stands at the end of the list, and not in flight. Raises Unavailable.

        None: another sender's message stands there, and says nothing about ours.
        """
        with redis_errors():
            tail = read_tail(self._redis, queue, priority)
        if not tail.empty and tail.stamped is None:
            return None
        most, timeout = self._settings.relay_batch, self._settings.publish_timeout
        which = lost.absent(queue.name, priority, tail.stamped, publish_timeout=timeout)
        with self._engine.begin() as connection:
            absent = lost.absent_ids(connection, which, most=most)
        if absent:
            with redis_errors():
                flying = in_flight(self._redis, queue, since=self._settings.start_within)
            absent = [job_id for job_id in absent if job_id not in flying]
        return absent

    def close(self) -> None:
        """Close its connections."""
        self._redis.close()
