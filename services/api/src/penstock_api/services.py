"""What routes work with: made once for an application, bounded in every wait."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import cast

import psycopg
from flask import current_app
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from penstock_api.blocking import within
from penstock_api.key_cache import KeyCache
from penstock_api.settings import ApiSettings
from penstock_contracts.task import Message
from penstock_runtime.database import connect
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger import Accepted
from penstock_runtime.links import signing_key
from penstock_runtime.storage import Storage
from penstock_runtime.submit import Submitter

EXTENSION = "penstock"
"""Under which an application keeps its services."""


@dataclass(frozen=True)
class Services:
    """The ledger's database, the way into the queues, object storage, and the keys used of late."""

    settings: ApiSettings
    database: Engine
    submitter: Submitter
    storage: Storage
    keys: KeyCache

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
    ) -> Accepted:
        """As the runtime's, within the time for an answer."""
        with self._in_time("the outcome is unknown; repeat the request with the same Idempotency-Key"):
            return self.submitter.submit(
                message, tenant=tenant, idempotency_key=key, request_id=request_id, before=before
            )

    def link_key(self) -> str:
        """What signs the links in mails. Raises Unavailable."""
        with self._postgresql():
            return signing_key(self.settings.secret_key, self.database)

    def close(self) -> None:
        """Close all connections."""
        self.submitter.close()
        self.database.dispose()

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
    )


def services() -> Services:
    """The running application's."""
    return cast(Services, current_app.extensions[EXTENSION])
