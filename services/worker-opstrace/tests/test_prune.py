"""Old user actions are deleted, within bounds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy
from sqlalchemy import insert, select

from penstock_contracts.ops_trace import Prune
from penstock_runtime.ledger import JobView
from penstock_runtime.schema import user_actions
from penstock_runtime.settings import load
from penstock_worker_opstrace import tasks
from penstock_worker_opstrace.settings import OpsTraceSettings

Run = Callable[..., JobView]


def keep(database: sqlalchemy.Engine, tenant: str, *ages: float) -> None:
    """Actions of so many days ago."""
    now = datetime.now(UTC)
    rows = [
        {"tenant": tenant, "user_id": "u", "action": "a", "at": now - timedelta(days=age), "detail": {}, "job_id": "j"}
        for age in ages
    ]
    with database.begin() as connection:
        connection.execute(insert(user_actions), rows)


def ages(database: sqlalchemy.Engine, tenant: str) -> list[int]:
    """The ages in whole days of what a tenant has left, youngest first."""
    now = datetime.now(UTC)
    query = select(user_actions.c.at).where(user_actions.c.tenant == tenant).order_by(user_actions.c.at.desc())
    with database.connect() as connection:
        return [(now - at).days for at in connection.execute(query).scalars()]


def prune(run: Run, days: int, **bounds: int) -> int:
    job = run(tasks.prune(load(OpsTraceSettings, **bounds)), Prune(days=days))
    assert job.state == "succeeded", job.error
    assert job.result is not None
    return int(job.result["deleted"])


def test_actions_older_than_so_many_days_are_deleted_for_every_tenant(run: Run, database: sqlalchemy.Engine) -> None:
    keep(database, "acme", 0, 6.9, 7.1, 400)
    keep(database, "default", 5, 8)
    keep(database, "zeta", 9)
    assert prune(run, 7) == 4
    assert (ages(database, "acme"), ages(database, "default"), ages(database, "zeta")) == ([0, 6], [5], [])


def test_nothing_to_delete_is_no_error(run: Run, database: sqlalchemy.Engine) -> None:
    assert prune(run, 1) == 0
    keep(database, "default", 0.5)
    assert prune(run, 1) == 0


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_batches_do_not_change_what_is_deleted(run: Run, database: sqlalchemy.Engine, batch: int) -> None:
    keep(database, "acme", 1, 11, 12, 13)
    keep(database, "default", 2, 14)
    assert prune(run, 10, ops_trace_prune_batch=batch) == 4
    assert (ages(database, "acme"), ages(database, "default")) == ([1], [2])


def test_one_run_deletes_as_many_as_allowed_oldest_first_and_the_next_goes_on(
    run: Run, database: sqlalchemy.Engine
) -> None:
    keep(database, "acme", 11, 12, 13)
    keep(database, "default", 14)
    assert prune(run, 10, ops_trace_prune_rows=2, ops_trace_prune_batch=10) == 2
    assert (ages(database, "acme"), ages(database, "default")) == ([11], [14])
    assert prune(run, 10, ops_trace_prune_rows=2, ops_trace_prune_batch=10) == 2
    assert prune(run, 10, ops_trace_prune_rows=2, ops_trace_prune_batch=10) == 0


def test_what_another_run_is_deleting_is_left_to_it(run: Run, database: sqlalchemy.Engine) -> None:
    keep(database, "default", 11, 12)
    with database.begin() as other:
        other.execute(select(user_actions.c.id).order_by(user_actions.c.at).limit(1).with_for_update())
        assert prune(run, 10) == 1
    assert ages(database, "default") == [12]
