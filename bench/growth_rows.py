"""A table of jobs as months of use leave it: many tenants, few of them large, and all queues, tasks and states."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, insert, literal, select, text
from uuid_utils import uuid7

from penstock_contracts.queues import QUEUES, Priority
from penstock_contracts.tasks import TASKS
from penstock_runtime.broker import Publisher
from penstock_runtime.ledger.publish import Publication
from penstock_runtime.schema import jobs
from penstock_runtime.settings import RuntimeSettings

TENANTS = 10_000

BIG, SMALL = "t1", "small"
"""The tenant with the most jobs, about a quarter of all, and one that has the first jobs only."""

LATELY = "lately"
"""The tenant of what finished within the last minutes: always as many, so that only the table grows."""

STATES = ("accepted", "queued", "running", "succeeded", "failed", "cancelled", "dead")

EACH = 6
"""First jobs of each task in each state, for the big and for the small tenant."""

RECENT = 300
"""Jobs that finished within the last minutes."""

FIRST = 2 * EACH * len(TASKS) * len(STATES) + RECENT
"""Jobs in the smallest table there is."""

MONTH = 29
"""Days that finished jobs are spread over: one less than they are kept."""

SCHEDULED = 10
"""For so many jobs that wait in a queue, one more waits in the ledger until tomorrow."""

PAYLOAD = {
    "actions": [
        {
            "user_id": "000000000001",
            "action": "login",
            "at": "2026-05-01T08:30:00+08:00",
            "target": "web",
            "detail": {"method": "password"},
        }
    ]
}

MANY = 50_000
"""Rows that are worth making the indexes anew for, where there are not more already."""

PIECE = 5000
"""Messages that are published at once."""

_TASK = """
    CASE WHEN b < 0.7 THEN 'ops_trace.user_actions' WHEN b < 0.9 THEN 'mail.registration_confirmation'
         WHEN b < 0.98 THEN 'dataset.import_file' ELSE 'generation.report' END
    """
_ATTEMPTS = " ".join(["CASE queue", *(f"WHEN '{queue.name}' THEN {queue.attempts}" for queue in QUEUES), "END"])

# `a` to `d` are drawn from 0 to 1. The id is a UUID of version 7, as a new job's: what was accepted together lies so.
_DRAWN = f"""
    WITH numbers AS (
        SELECT random() AS a, random() AS b, random() AS c, random() AS d, md5(random()::text) AS hash,
               CAST(:first AS timestamptz) + (CAST(:last AS timestamptz) - :first) * n / CAST(:count AS float) AS at
        FROM generate_series(1, :count) AS n
    ), timed AS (
        SELECT *, lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') AS ms, {_TASK} AS task
        FROM numbers
    ), drawn AS (
        SELECT a, b, c, d, at, task, split_part(task, '.', 1) AS queue,
               concat_ws('-', substr(ms, 1, 8), substr(ms, 9), '7' || substr(hash, 1, 3), '8' || substr(hash, 4, 3),
                         substr(hash, 7, 12)) AS id,
               't' || floor(power({TENANTS}, a * a)) AS tenant,
               CASE WHEN d < 0.1 THEN {Priority.BULK.value} ELSE {Priority.NORMAL.value} END AS priority,
               -- A third of all requests name a key.
               CASE WHEN d > 0.67 THEN hash END AS idempotency_key, sha256(hash::bytea) AS fingerprint
        FROM timed
    )
    """


def _insert(**more: str) -> str:
    """Rows in which these columns have these values, as SQL."""
    drawn = "id, tenant, task, queue, priority, idempotency_key, fingerprint"
    return f"""{_DRAWN}
        INSERT INTO jobs ({drawn}, created_at, payload, attempts, {", ".join(more)})
        SELECT {drawn}, at, CAST(:payload AS jsonb), {_ATTEMPTS}, {", ".join(more.values())} FROM drawn
        """


_FINISHED = _insert(
    state="""
        CASE WHEN c < 0.96 THEN 'succeeded' WHEN c < 0.98 THEN 'failed' WHEN c < 0.99 THEN 'cancelled' ELSE 'dead' END
        """,
    attempt="1",
    published_at="at",
    token="gen_random_uuid()",
    worker="'elsewhere-1'",
    result="CASE WHEN c < 0.96 THEN CAST('{\"kept\": 1}' AS jsonb) END",
    error="CASE WHEN c >= 0.96 THEN jsonb_build_object('code', 'internal_error', 'message', 'a fault in the task') END",
    started_at="at + d * interval '1 second'",
    finished_at="at + (d + 10 * c) * interval '1 second'",
)
_QUEUED = _insert(
    state="'queued'",
    publications="1",
    published_at="at",
    # Half of them are to be started before tomorrow's end.
    deadline="CASE WHEN c < 0.5 THEN now() + (1 + c) * interval '1 day' END",
)
_SCHEDULED = _insert(state="'accepted'", not_before="now() + (1 + c) * interval '1 day'")


def make_first(engine: Engine, settings: RuntimeSettings) -> None:
    """What every table has: jobs of each task in each state over the month, and what finished lately."""
    now, rows = datetime.now(UTC), []
    for tenant in (BIG, SMALL):
        kinds = list(itertools.product(range(EACH), TASKS, STATES))
        for number, (_, task, state) in enumerate(kinds):
            at = now - timedelta(days=MONTH) * (1 - number / len(kinds))
            rows.append(_row(tenant, task.name, state, at))
    rows += [_row(LATELY, TASKS[number % len(TASKS)].name, "succeeded", now) for number in range(RECENT)]
    with engine.begin() as connection:
        connection.execute(insert(jobs), rows)
    publish_queued(engine, settings, since=now - timedelta(days=MONTH))


def _row(tenant: str, task: str, state: str, at: datetime) -> dict[str, Any]:
    queue, tomorrow, ended = task.partition(".")[0], at + timedelta(days=2 * MONTH), at + timedelta(seconds=2)
    finished, running, queued = state in STATES[3:], state == "running", state == "queued"
    return {
        "id": str(uuid7(nanoseconds=int(at.timestamp() * 1e9))),
        "tenant": tenant,
        "task": task,
        "queue": queue,
        # In a list of their own: what is measured takes from the other one.
        "priority": Priority.BULK,
        "payload": PAYLOAD,
        "state": state,
        "attempt": int(finished or running),
        "attempts": 3,
        "publications": int(queued),
        "published_at": at if queued else None,
        "not_before": tomorrow if state == "accepted" else None,
        "token": uuid4() if running else None,
        "lease_until": tomorrow if running else None,
        "worker": "elsewhere-1" if finished or running else None,
        "created_at": at,
        "started_at": at + timedelta(seconds=1) if finished or running else None,
        "finished_at": ended if finished else None,
    }


def make_finished(engine: Engine, count: int) -> None:
    """So many more that have ended within the month."""
    now = datetime.now(UTC)
    _make(engine, _FINISHED, count, now - timedelta(days=MONTH), now - timedelta(minutes=15))


def make_waiting(engine: Engine, settings: RuntimeSettings, count: int) -> None:
    """So many that wait in the queues since the last hours, each with its message; some more wait for their time."""
    now = datetime.now(UTC)
    since = now - timedelta(hours=3)
    _make(engine, _QUEUED, count, since, now - timedelta(minutes=1))
    _make(engine, _SCHEDULED, count // SCHEDULED, since, now)
    publish_queued(engine, settings, since=since)


def _make(engine: Engine, statement: str, count: int, first: datetime, last: datetime) -> None:
    about = {"first": first, "last": last, "count": count, "payload": json.dumps(PAYLOAD)}
    with engine.begin() as connection:
        there = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE oid = 'jobs'::regclass").scalar_one()
        with without_indexes(connection, really=count >= max(MANY, there)):
            connection.execute(text(statement), about)


@contextmanager
def without_indexes(connection: Connection, really: bool) -> Iterator[None]:
    """The same indexes as before, made anew from what was inserted: that takes a fraction of the time."""
    found = connection.exec_driver_sql(_INDEXES).all() if really else []
    for index in found:
        connection.exec_driver_sql(
            f"ALTER TABLE jobs DROP CONSTRAINT {index.name}" if index.is_constraint else f"DROP INDEX {index.name}"
        )
    yield
    if found:
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
    for index in found:
        connection.exec_driver_sql(index.definition)


_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_constraint.oid IS NOT NULL AS is_constraint,
           coalesce('ALTER TABLE jobs ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid),
                    pg_get_indexdef(indexrelid)) AS definition
    FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid AND contype = 'u'
    WHERE indrelid = 'jobs'::regclass AND NOT indisprimary
    ORDER BY 1
    """


def publish_queued(engine: Engine, settings: RuntimeSettings, since: datetime) -> None:
    """Put the messages of the jobs that are queued and were accepted since then where the relay looks for them."""
    names = ("id", "task", "queue", "priority", "payload", "published_at", "attempts")
    query = select(*(jobs.c[name] for name in names)).where(jobs.c.state == "queued", jobs.c.created_at >= since)
    publisher = Publisher(settings)
    with engine.connect().execution_options(yield_per=PIECE) as connection:
        # As they would have come: what is behind a message in its list is stamped later.
        for rows in connection.execute(query.order_by(jobs.c.published_at)).partitions():
            publisher.publish(
                [
                    Publication(
                        row.id,
                        row.task,
                        row.queue,
                        Priority(row.priority),
                        row.payload,
                        None,
                        row.published_at,
                        row.attempts,
                        alone=False,
                    )
                    for row in rows
                ]
            )
    publisher.close()


def settle(engine: Engine) -> None:
    """As a table is some time after: vacuumed, with statistics, on disk; and what finished lately did so just now."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(
                "UPDATE jobs SET started_at = now() - interval '4 minutes' * random(), finished_at = now()"
                " WHERE tenant = :lately"
            ),
            {"lately": LATELY},
        )
        connection.exec_driver_sql("VACUUM (ANALYZE) jobs")
        connection.exec_driver_sql("CHECKPOINT")


def read_indexes(engine: Engine) -> None:
    """Once as a whole, into the shared buffers: after weeks of use they hold what is written to, as far as it fits."""
    ours = sorted(jobs.indexes, key=lambda index: str(index.name))
    keys = [(tuple(index.expressions), index.dialect_options["postgresql"]["where"]) for index in ours]
    keys += [((jobs.c.id,), None), ((jobs.c.tenant, jobs.c.task, jobs.c.idempotency_key), None)]
    with engine.begin() as connection:
        for way in ("seqscan", "bitmapscan", "sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        for columns, which in keys:
            entries = select(literal(1)).select_from(jobs).order_by(*columns)
            entries = entries if which is None else entries.where(which)
            connection.execute(select(func.count()).select_from(entries.subquery()))
