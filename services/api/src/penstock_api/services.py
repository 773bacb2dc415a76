"""What routes work with: made once for an application, bounded in every wait."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import psycopg
from flask import current_app
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from penstock_api.blocking import within
from penstock_api.key_cache import KeyCache
from penstock_api.key_uses import KeyUses
from penstock_api.listeners import Listeners
from penstock_api.remembered import Remembered
from penstock_api.settings import ApiSettings
from penstock_api.shared_counts import SharedCounts
from penstock_contracts.task import Message
from penstock_runtime import queues_now
from penstock_runtime.backlog import QueueBacklog, read_backlog
from penstock_runtime.database import connect
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger import Accepted, KeyReused, NewJob
from penstock_runtime.ledger.figures import Figures, read_figures
from penstock_runtime.ledger.pauses import Pause, read_pauses
from penstock_runtime.ledger.watch import Moment, read_moments
from penstock_runtime.links import signing_key
from penstock_runtime.oldest import Oldest
from penstock_runtime.rabbitmq import backlog as rabbitmq_backlog
from penstock_runtime.storage import Storage
from penstock_runtime.submit import Submitter

EXTENSION = "penstock"
"""Under which an application keeps its services."""

UNKNOWN = "the outcome is unknown; repeat the request with the same Idempotency-Key"


@dataclass(frozen=True)
class Services:
    """The ledger's database, the way into the queues, object storage, keys used of late, and who asked how often."""

    settings: ApiSettings
    database: Engine
    submitter: Submitter
    storage: Storage
    keys: KeyCache
    key_uses: KeyUses
    counts: SharedCounts

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction. Raises Unavailable where PostgreSQL does not answer in time or has not been migrated yet."""
        with self._postgresql(), self.database.begin() as connection:
            yield connection

    def submit(
        self,
        message: Message,
        *,
        tenant: str,
        key: str | None,
        request_id: str,
        before: Callable[[Connection], None] | None = None,
        **wishes: Any,
    ) -> Accepted:
        """As the runtime's, within the time for an answer."""
        with self._in_time(UNKNOWN):
            return self.submitter.submit(
                message, tenant=tenant, idempotency_key=key, request_id=request_id, before=before, **wishes
            )

    def submit_all(self, new: Sequence[NewJob]) -> list[Accepted | KeyReused]:
        """As the runtime's, within the time for an answer."""
        with self._in_time(UNKNOWN):
            return self.submitter.submit_all(new)

    @cached_property
    def listeners(self) -> Listeners:
        """Who follows jobs in this process."""
        return Listeners(self.settings, self._read_moments)

    @cached_property
    def figures(self) -> Remembered[list[Figures]]:
        """How fast the queues are."""
        return Remembered(self._read_figures, self.settings.api_figures_seconds)

    def backlog(self) -> tuple[list[QueueBacklog], dict[str, Oldest | None]]:
        """What waits and is in flight in each queue, and for how long. Raises Unavailable."""
        return queues_now.count(self.settings, self.transaction)

    def ask_broker(self) -> None:
        """Raise Unavailable where the broker does not answer."""
        if self.settings.uses_rabbitmq:
            rabbitmq_backlog.answers(self.settings)
        else:
            read_backlog(self.settings)

    def pauses(self) -> dict[str, Pause]:
        """The pause of each queue that is paused. Raises Unavailable."""
        with self.transaction() as connection:
            return read_pauses(connection)

    def link_key(self) -> str:
        """What signs the links in mails. Raises Unavailable."""
        with self._postgresql():
            return signing_key(self.settings.secret_key, self.database)

    def close(self) -> None:
        """Close all connections."""
        self.counts.close()
        self.submitter.close()
        self.database.dispose()

    def _read_figures(self) -> list[Figures]:
        with self.transaction() as connection:
            return read_figures(connection)

    def _read_moments(self, job_ids: Collection[str]) -> dict[str, Moment]:
        with self.transaction() as connection:
            return read_moments(connection, job_ids)

    @contextmanager
    def _postgresql(self) -> Iterator[None]:
        try:
            with self._in_time("PostgreSQL does not answer"):
                yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise Unavailable("PostgreSQL does not answer") from error
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
                raise Unavailable("PostgreSQL has not been migrated yet") from error
            raise

    def _in_time(self, otherwise: str) -> AbstractContextManager[None]:
        return within(self.settings.api_answer_seconds, lambda: Unavailable(otherwise))


def open_services(settings: ApiSettings) -> Services:
    """Everything ready to be used; nothing connects before it is."""
    database = connect(settings, statement_timeout=settings.api_answer_seconds)
    return Services(
        settings,
        database,
        Submitter(settings, database),
        Storage(settings.storage_url),
        KeyCache(settings.api_key_cache_seconds, settings.api_key_cache),
        KeyUses(settings.api_key_cache),
        SharedCounts(settings, every=settings.api_rate_exchange, most=settings.api_rate_subjects),
    )


def services() -> Services:
    """The running application's."""
    return cast(Services, current_app.extensions[EXTENSION])
