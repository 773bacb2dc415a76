"""Submit: accept messages into the ledger, and publish them after. What cannot go out now, the relay publishes later.

Concurrent callers share one INSERT, and what they accepted goes out in one round trip to Redis.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine

from penstock_contracts.task import Message
from penstock_runtime.database import LOST, connect
from penstock_runtime.errors import Unavailable
from penstock_runtime.grouping import Grouped
from penstock_runtime.ledger.accept import Accepted, KeyReused, NewJob, accept_all
from penstock_runtime.outbox import Outbox
from penstock_runtime.settings import RuntimeSettings

LARGEST_GROUP = 500
"""Jobs that share a statement at the most."""


class Submitter:
    """Accepts and publishes for one process. No caller ever waits for Redis."""

    def __init__(self, settings: RuntimeSettings, engine: Engine | None = None) -> None:
        self._engine = engine or connect(settings)
        # For whoever leads a group, of whom there is one at a time, and for the outbox. Both say all in one statement.
        self._single = connect(settings, most=2, statement_timeout=settings.database_timeout, autocommit=True)
        self._accepting = Grouped(self._accept, most=LARGEST_GROUP)
        self._outbox = Outbox(settings, self._single)

    def submit(
        self, message: Message, *, tenant: str, before: Callable[[Connection], None] | None = None, **wishes: Any
    ) -> Accepted:
        """Accept one message; `wishes` are the other fields of NewJob. `before` writes first in the same transaction.

        Raises KeyReused, Unstorable, and Unavailable: PostgreSQL did not answer, and whether the job was accepted is
        not known.
        """
        job = NewJob(message, tenant, **wishes)
        outcome = self._accepting(job) if before is None else self.submit_all([job], before=before)[0]
        if isinstance(outcome, KeyReused):
            raise outcome
        return outcome

    def submit_all(
        self, new: Sequence[NewJob], *, before: Callable[[Connection], None] | None = None
    ) -> list[Accepted | KeyReused]:
        """Accept several messages in one transaction, in the order given.

        With `before`, a reused key undoes all of it, what `before` wrote too. Raises KeyReused then, and Unavailable.
        """
        with self._published() as outcomes, self._engine.begin() as connection:
            if before is not None:
                before(connection)
            outcomes += accept_all(connection, new)
            for outcome in outcomes if before is not None else ():
                if isinstance(outcome, KeyReused):
                    raise outcome
        return outcomes

    def _accept(self, new: Sequence[NewJob]) -> list[Accepted | KeyReused]:
        with self._published() as outcomes, self._single.connect() as connection:
            outcomes += accept_all(connection, new)
        return outcomes

    @contextmanager
    def _published(self) -> Iterator[list[Accepted | KeyReused]]:
        """Publish what is accepted within, once it is committed. Raises Unavailable where that is not known."""
        began = monotonic()
        outcomes: list[Accepted | KeyReused] = []
        try:
            yield outcomes
        except LOST as error:
            raise Unavailable("the outcome is unknown; repeat the request with the same Idempotency-Key") from error
        publications = [item.publication for item in outcomes if isinstance(item, Accepted) and item.publication]
        self._outbox.put(publications, stamped_after=began)

    def close(self) -> None:
        """Publish what still waits, for a bounded time, and close all connections."""
        self._outbox.close()
        self._single.dispose()
        self._engine.dispose()
