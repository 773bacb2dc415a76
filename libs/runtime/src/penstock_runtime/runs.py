"""How the runs of one worker process begin and end in the ledger: those that do so at once share a statement.

A statement is one round trip and one sync to the disk, for however many jobs; `make bench ARGS=growth` times both.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from penstock_contracts.task import Message
from penstock_runtime.database import LOST
from penstock_runtime.delivery import DEFAULT_TENANT, Delivery, storable
from penstock_runtime.errors import Unavailable
from penstock_runtime.grouping import Grouped
from penstock_runtime.ledger import run as ledger
from penstock_runtime.ledger.exits import UNREGISTERED, forget_unregistered
from penstock_runtime.ledger.view import JobView
from penstock_runtime.schema import OPEN

LARGEST_GROUP = 100
"""Jobs that share a statement at the most."""


class Runs:
    """Claims and ends on an engine that commits each statement; `worker` is the name that stands in the rows."""

    def __init__(self, autocommit: Engine, *, lease: float, worker: str) -> None:
        self._autocommit = autocommit
        self._lease = lease
        self.worker = worker
        self._claims = Grouped(self._claim, most=LARGEST_GROUP)
        self._ends = Grouped(self._finish, most=LARGEST_GROUP)

    def take(self, task: str, queue: str, delivery: Delivery) -> ledger.Claim | JobView | None:
        """Claim the job of a delivery, which a message of a Celery client's becomes by that. May be repeated.

        A JobView: it is not to be had, and this is how it stands. None: the row of a message of ours is gone. Raises
        Unavailable, and what PostgreSQL raises when it is gone.
        """
        job_id, token = delivery.job_id, delivery.token
        claimed = self._claims((job_id, token))
        if claimed:
            return claimed
        mine: dict[str, Any] = {"lease": self._lease, "worker": self.worker}
        with self._autocommit.connect() as connection:
            row = ledger.state_of(connection, job_id)
            if row is not None and (row.error or {}).get("code") == UNREGISTERED:
                forget_unregistered(connection, job_id)
                row = None
            if row is not None and row.state in OPEN:
                # Perhaps somebody had locked it.
                return ledger.claim(connection, job_id, token, **mine) or ledger.state_of(connection, job_id)
            if row is not None:
                return row
            message = Message(task, queue, storable(delivery.payload), delivery.priority)
            if delivery.known:
                ledger.bury_unknown(connection, job_id, message, tenant=DEFAULT_TENANT)
                return None
            adopted = ledger.adopt(
                connection, job_id, message, token, tenant=DEFAULT_TENANT, embed=delivery.embed, **mine
            )
            # Two copies of one foreign message may come at once; the other one's row is there now.
            return adopted or ledger.state_of(connection, job_id)

    def finish(self, end: ledger.Finished) -> bool:
        """Write that a job without effects succeeded. May be repeated. False: the job was taken over.

        Raises Unavailable, and what PostgreSQL raises when it is gone.
        """
        if self._ends(end):
            return True
        with self._autocommit.connect() as connection:  # perhaps somebody had locked it
            return ledger.finish(connection, end.id, end.token, end.result, progress=end.progress)

    def _claim(self, wanted: Sequence[tuple[str, UUID]]) -> list[ledger.Claim | None]:
        try:
            with self._autocommit.connect() as connection:
                return ledger.claim_all(connection, wanted, lease=self._lease, worker=self.worker)
        except LOST as error:
            raise Unavailable("PostgreSQL did not answer") from error

    def _finish(self, ends: Sequence[ledger.Finished]) -> list[bool]:
        try:
            with self._autocommit.connect() as connection:
                return ledger.finish_all(connection, ends)
        except LOST as error:
            raise Unavailable("PostgreSQL did not answer") from error
