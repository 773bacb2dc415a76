"""The relay: publishes what is due, and what the promise would else lose.

Any number may run. Each change is a compare-and-set in PostgreSQL, and none holds a lock while it talks to Redis.
"""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, select

from penstock_contracts.queues import QUEUES, Priority, Queue
from penstock_runtime import ledgers, pausing, redis_server, waiting
from penstock_runtime.backlog import in_flight, read_tail
from penstock_runtime.broker import Publisher, redis_errors
from penstock_runtime.database import LOST, connect
from penstock_runtime.errors import Unavailable
from penstock_runtime.heartbeat import FAULT
from penstock_runtime.ledger import lost
from penstock_runtime.ledger.pauses import Pause, read_pauses
from penstock_runtime.ledger.publish import mark_queued, take_due
from penstock_runtime.schema import NOW
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

SWEEP_EVERY = 60
"""Seconds between two deletions of old finished jobs."""


class Relay:
    """One relay. `run` loops until `stop`; `one_pass` is what it does each time.

    moves: called with nothing when it gets on, and with the name of the server it waits for.
    """

    def __init__(self, settings: RuntimeSettings, moves: Callable[[str], None] = lambda waits_for: None) -> None:
        self._settings = settings
        self._moves = moves
        self._engine = connect(settings, most=2, statement_timeout=30)
        self._publisher = Publisher(settings)
        self._redis = redis_server.client(settings)
        self._ledger: str | None = None
        self._healthy_since: datetime | None = None
        self._last_pass = datetime.min.replace(tzinfo=UTC)
        self._swept_at = time.monotonic()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Pass after pass; an error ends its pass only."""
        while not self._stopping.wait(self._settings.relay_every):
            try:
                self.one_pass()
                self._moves("")
            except Unavailable as error:
                self._moves("Redis")
                server = waiting.broker(self._settings)
                cause = error.__cause__ or error
                log.warning("relay_waits", reason=error.message, advice=waiting.advice_on(cause, server))
            except LOST as error:
                self._healthy_since = None
                self._moves("PostgreSQL")
                log.warning("relay_waits", reason=f"PostgreSQL did not answer ({type(error).__name__})")
            except Exception:  # the edge of the thread: a fault here must not end the relay
                self._moves(FAULT)
                log.exception("fault")

    def stop(self) -> None:
        """End after the pass under way."""
        self._stopping.set()

    def one_pass(self) -> None:
        """Judge the leases, then see whether Redis has lost something, and publish what is due.

        What is paused is told to Redis before anything is published there.

        Raises Unavailable when Redis is away; what PostgreSQL raises when it is.
        """
        self._expire_leases()
        self._transaction(partial(lost.pass_deadlines, most=self._settings.relay_batch))
        self._give_up_unstarted()
        self._sweep()
        pausing.tell(self._redis, self._read_pauses)
        self._beat()
        self._refill()
        for queue in QUEUES:
            for priority in Priority:
                self._bring_back(queue, priority)
        self._publish_due()

    def _transaction(self, work: Callable[[Connection], object]) -> None:
        with self._engine.begin() as connection:
            work(connection)

    def _expire_leases(self) -> None:
        """Nobody is judged dead until PostgreSQL was seen healthy for a whole lease without a break.

        After an outage, or after this process itself was stopped, every lease is stale: its worker may still renew it.
        """
        lease = timedelta(seconds=self._settings.lease)
        with self._engine.begin() as connection:
            now: datetime = connection.execute(select(NOW)).scalar_one()
            if self._healthy_since is None or now - self._last_pass > lease / 2:
                self._healthy_since = now
            self._last_pass = now
            if now - self._healthy_since < lease:
                return
            until = now + lease / 2
            expired = lost.expire_leases(connection, most=self._settings.relay_batch, until=until)
        if expired:
            log.warning("leases_ran_out", jobs=expired[:20], count=len(expired))

    def _give_up_unstarted(self) -> None:
        limit, most = self._settings.most_publications, self._settings.relay_batch
        with self._engine.begin() as connection:
            ended = lost.end_unstarted(connection, published=limit, most=most)
        if ended:
            log.error("never_started", jobs=ended[:20], count=len(ended), publications=limit)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept_at < SWEEP_EVERY:
            return
        self._swept_at = time.monotonic()
        days, most = self._settings.retention_days, self._settings.relay_batch
        self._transaction(lambda connection: lost.forget_finished(connection, days=days, most=most))

    def _read_pauses(self) -> dict[str, Pause]:
        with self._engine.begin() as connection:
            return read_pauses(connection)

    def _beat(self) -> None:
        with self._engine.begin() as connection:
            seen = lost.read_counter(connection)
            if self._ledger is None:
                self._ledger = ledgers.identify(connection)
        with redis_errors():
            known = int(self._redis.get(EPOCH_KEY) or 0)
            run_id = str(self._redis.info("server")["run_id"])
        if seen.run_id is None:
            self._transaction(lambda connection: lost.first_sight(connection, run_id))
        elif known < seen.confirmed or run_id != seen.run_id:
            self._note_loss(seen, known, run_id)
            return
        with self._engine.begin() as connection:
            epoch = lost.next_epoch(connection, every=self._settings.relay_every)
        if epoch is not None and self._raise_epoch(epoch, seen.confirmed):
            self._transaction(lambda connection: lost.confirm_epoch(connection, epoch))

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

    def _refill(self) -> None:
        most = self._settings.relay_batch
        total = 0
        while not self._stopping.is_set():
            with self._engine.begin() as connection:
                count = lost.refill(connection, most=most)
            total += count
            if count < most:
                break
            self._moves("")
        if total:
            log.warning("refills", jobs=total)

    def _bring_back(self, queue: Queue, priority: Priority) -> None:
        with redis_errors():
            tail = read_tail(self._redis, queue, priority)
        if not tail.empty and tail.stamped is None:
            return  # Another sender's message stands there and says nothing about ours.
        most, timeout = self._settings.relay_batch, self._settings.publish_timeout
        which = lost.absent(queue.name, priority, tail.stamped, publish_timeout=timeout)
        with self._engine.begin() as connection:
            absent = lost.absent_ids(connection, which, most=most)
        if absent:
            with redis_errors():
                flying = in_flight(self._redis, queue, since=self._settings.start_within)
            absent = [job_id for job_id in absent if job_id not in flying]
        back: list[str] = []
        if absent:
            with self._engine.begin() as connection:
                back = lost.bring_back(connection, absent, confirm_after=self._settings.relay_every / 2)
        # In a transaction of its own: only within one statement are rows locked in id order.
        with self._engine.begin() as connection:
            lost.forget_found(connection, queue.name, priority, absent)
        if back:
            log.warning("messages_lost", queue=queue.name, jobs=back[:20], count=len(back))

    def _publish_due(self) -> None:
        most, timeout = self._settings.relay_batch, self._settings.publish_timeout
        while not self._stopping.is_set():
            with self._engine.begin() as connection:
                due = take_due(connection, most=most, publish_timeout=timeout)
            if due:
                self._publisher.publish(due)
                self._transaction(partial(mark_queued, published=due))
            if len(due) < most:
                return
            self._moves("")

    def close(self) -> None:
        """Close all connections."""
        self._publisher.close()
        self._redis.close()
        self._engine.dispose()
