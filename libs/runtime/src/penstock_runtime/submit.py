"""Submit: accept a message into the ledger, then publish it. What cannot go out now, the relay publishes later."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from penstock_contracts.task import Message
from penstock_runtime.broker import Publisher
from penstock_runtime.database import LOST, connect
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger.accept import Accepted, accept
from penstock_runtime.ledger.publish import Publication, mark_queued
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Submitted:
    """The job that stands for a request. Not created: it was accepted by an earlier request with the same key."""

    job_id: str
    created: bool


class Submitter:
    """Accepts and publishes, within bounded time whatever Redis does. One for a process."""

    def __init__(self, settings: RuntimeSettings, engine: Engine | None = None) -> None:
        self._engine = engine or connect(settings)
        self._publisher = Publisher(settings)
        self._pause = settings.redis_timeout * 2
        self._resume_at = float("-inf")

    def submit(
        self,
        message: Message,
        *,
        tenant: str,
        idempotency_key: str | None = None,
        request_id: str | None = None,
        not_before: datetime | None = None,
        before: Callable[[Connection], None] | None = None,
    ) -> Submitted:
        """Accept one message; `before` writes in the same transaction first.

        Raises KeyReused, Unstorable, and Unavailable: PostgreSQL did not answer, and whether the job was accepted is
        not known.
        """
        try:
            with self._engine.begin() as connection:
                if before is not None:
                    before(connection)
                accepted = accept(
                    connection,
                    message,
                    tenant=tenant,
                    idempotency_key=idempotency_key,
                    request_id=request_id,
                    not_before=not_before,
                )
        except LOST as error:
            raise Unavailable("the outcome is unknown; repeat the request with the same Idempotency-Key") from error
        self._publish(accepted)
        return Submitted(accepted.job_id, accepted.created)

    def _publish(self, accepted: Accepted) -> None:
        # While Redis is away, waiting for it in each request would only make them all slow: the relay is there.
        if accepted.publication is None or time.monotonic() < self._resume_at:
            return
        try:
            self._publisher.publish([accepted.publication])
            self._mark([accepted.publication])
        except Unavailable as error:
            self._resume_at = time.monotonic() + self._pause
            log.warning("not_published", job=accepted.job_id, reason=error.message, then="the relay publishes it")

    def _mark(self, published: list[Publication]) -> None:
        try:
            with self._engine.begin() as connection:
                mark_queued(connection, published)
        except LOST:
            # The row stays `accepted`, and the relay publishes it a second time: harmless.
            log.warning("not_marked", jobs=[item.job_id for item in published])

    def close(self) -> None:
        """Close all connections."""
        self._publisher.close()
        self._engine.dispose()
