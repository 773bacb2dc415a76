"""What listeners are told of jobs: little enough to be read often, for many jobs in one statement."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Text, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from penstock_runtime.ledger.view import JobView
from penstock_runtime.schema import FINISHED, jobs

MOST = 1000
"""Jobs in one statement; more take several."""


@dataclass(frozen=True)
class Moment:
    """What one job does at one moment. `progress` holds `done`, `total`, `unit`."""

    id: str
    state: str
    attempt: int
    attempts: int
    cancel_requested: bool
    progress: dict[str, Any] | None

    @property
    def name(self) -> str:
        """The moment's name among those of its job, derived from the row alone: state, attempt, progress."""
        done = self.progress["done"] if self.progress else 0
        return f"{self.state}-{self.attempt}-{done}{'-cancelling' if self.cancel_requested else ''}"

    @property
    def is_last(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINISHED


_COLUMNS = tuple(jobs.c[field.name] for field in fields(Moment))


def moment_of(view: JobView) -> Moment:
    """The moment that a row shows."""
    return Moment(**{field.name: getattr(view, field.name) for field in fields(Moment)})


def read_moments(connection: Connection, job_ids: Collection[str]) -> dict[str, Moment]:
    """The present moment of each job, of whatever tenant; one that does not exist is left out."""
    line = list(job_ids)
    found: dict[str, Moment] = {}
    for first in range(0, len(line), MOST):
        rows = connection.execute(
            select(*_COLUMNS).where(jobs.c.id == any_(literal(line[first : first + MOST], ARRAY(Text))))
        )
        found |= {row.id: Moment(**row._mapping) for row in rows}
    return found
