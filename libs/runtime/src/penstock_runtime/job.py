"""The job as its handler sees it."""

import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine, select

from penstock_runtime.database import LOST
from penstock_runtime.errors import Cancelled
from penstock_runtime.ledger import run as ledger
from penstock_runtime.schema import jobs

log = structlog.get_logger("penstock.task")

PROGRESS_EVERY = 0.5
"""Seconds between two writes of a job's progress."""


class LeaseLost(Exception):
    """Another worker took the job over: what this one did does not count."""


class Job:
    """One run of one job. Attributes: id, tenant, attempt (from 1), request_id, token, and `database` for reads."""

    def __init__(self, claimed: ledger.Claim, database: Engine, autocommit: Engine, *, lease: float) -> None:
        self.id = claimed.job.id
        self.tenant = claimed.job.tenant
        self.attempt = claimed.job.attempt
        self.request_id = claimed.job.request_id
        self.token: UUID = claimed.token
        self.database = database
        self._autocommit = autocommit
        self._lease = lease
        self._effects: Connection | None = None
        self._written_at = float("-inf")
        self.reached: dict[str, Any] | None = None
        """What it told of its progress last."""

    @property
    def connection(self) -> Connection:
        """A transaction that is committed together with this job's finish, or not at all: what is written to it happens
        once, however often the job runs."""
        if self._effects is None:
            self._effects = self.database.connect()
        return self._effects

    @property
    def has_effects(self) -> bool:
        """Whether the handler asked for `connection`."""
        return self._effects is not None

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        """Tell how far the job is. May be called often; what was told last is written with the result.

        Raises Cancelled where someone asked for that, and LeaseLost; let both pass.
        """
        self.reached = {"done": done, "total": total, "unit": unit}
        now = time.monotonic()
        if now - self._written_at < PROGRESS_EVERY:
            return
        self._written_at = now
        try:
            with self._autocommit.connect() as connection:
                cancelling = ledger.progress(connection, self.id, self.token, self.reached)
        except LOST:
            log.warning("progress_not_stored", done=done)
            return
        if cancelling is None:
            raise LeaseLost
        if cancelling:
            raise Cancelled("cancelled while it ran")

    def hold(self) -> None:
        """Take a whole new lease, right before an effect that cannot be taken back: until it ends nobody else starts.

        Raises LeaseLost or Cancelled, and what PostgreSQL raises when it is gone; let all of them pass.
        """
        with self._autocommit.connect() as connection:
            held = ledger.renew(connection, [(self.id, self.token)], lease=self._lease)
        if self.id not in held:
            raise LeaseLost
        if held[self.id]:
            raise Cancelled("cancelled while it ran")

    def finish_with_effects(self, result: dict[str, Any]) -> None:
        """Commit the effects and the result as one. Raises LeaseLost.

        Raises what PostgreSQL does when it is gone; only `is_finished` knows then whether they were committed.
        """
        if not ledger.finish(self.connection, self.id, self.token, result, progress=self.reached):
            raise LeaseLost
        self.connection.commit()

    def is_finished(self) -> bool:
        """Whether this run has written its result."""
        query = select(jobs.c.id).where(jobs.c.id == self.id, jobs.c.token == self.token, jobs.c.state == "succeeded")
        with self._autocommit.connect() as connection:
            return connection.execute(query).one_or_none() is not None

    def close(self) -> None:
        """Roll back what was not committed."""
        if self._effects is not None:
            effects, self._effects = self._effects, None
            with suppress(*LOST):  # then there is nothing left to roll back
                effects.close()
