"""The table user_actions: kept with COPY, pruned oldest first."""

from collections.abc import Iterable
from datetime import datetime

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from penstock_contracts.ops_trace import UserAction
from penstock_runtime.errors import Rejected

_COPY = "COPY user_actions (tenant, user_id, action, at, target, detail, job_id) FROM STDIN"

# One step through the index for each tenant, however many actions it has.
_TENANTS = text(
    """
    WITH RECURSIVE found AS (
        (SELECT tenant FROM user_actions ORDER BY tenant LIMIT 1)
        UNION ALL
        SELECT (SELECT tenant FROM user_actions WHERE tenant > found.tenant ORDER BY tenant LIMIT 1)
        FROM found WHERE found.tenant IS NOT NULL
    )
    SELECT tenant FROM found WHERE tenant IS NOT NULL
    """
)

# Rows that another run is just deleting are left to it.
_DELETE = text(
    """
    DELETE FROM user_actions WHERE id IN (
        SELECT id FROM user_actions WHERE tenant = :tenant AND at < :before
        ORDER BY at, id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    """
)


def copy_actions(connection: Connection, actions: Iterable[UserAction], *, tenant: str, job_id: str) -> None:
    """Write a batch in the connection's transaction. Raises Rejected (unstorable) where a value cannot be stored."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for one in actions:
                copy.write_row((tenant, one.user_id, one.action, one.at, one.target, Jsonb(one.detail), job_id))
    except psycopg.DataError as error:
        reason = error.diag.message_primary or type(error).__name__
        raise Rejected(f"the actions cannot be stored: {reason}", code="unstorable") from error


def days_ago(connection: Connection, days: int) -> datetime:
    """The moment that many days before the database's time."""
    query = text("SELECT clock_timestamp() - make_interval(days => :days)")
    moment: datetime = connection.execute(query, {"days": days}).scalar_one()
    return moment


def tenants(connection: Connection) -> list[str]:
    """The tenants that have actions."""
    return list(connection.execute(_TENANTS).scalars())


def delete_actions(connection: Connection, tenant: str, *, before: datetime, most: int) -> int:
    """Delete a tenant's oldest actions, at most so many. Returns how many there were."""
    return connection.execute(_DELETE, {"tenant": tenant, "before": before, "most": most}).rowcount
