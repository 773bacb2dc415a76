"""A Redis that comes back empty costs nothing: the ledger knows what was in it."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import redis
import sqlalchemy
from processes import Running, eventually

from penstock_contracts.generation import REPORT, Report
from penstock_contracts.ops_trace import USER_ACTIONS, UserActions
from penstock_runtime.ledger import accept
from penstock_runtime.relay import Relay
from penstock_runtime.schema import NOW, jobs
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

Start = Callable[..., Running]


@pytest.fixture
def submitter(settings: RuntimeSettings) -> Iterator[Submitter]:
    submitter = Submitter(settings)
    yield submitter
    submitter.close()


def in_state(database: sqlalchemy.Engine, state: str) -> int:
    count = sqlalchemy.select(sqlalchemy.func.count()).where(jobs.c.state == state)
    with database.connect() as connection:
        return connection.execute(count).scalar_one()


def test_jobs_waiting_and_running_all_end_after_a_flush(
    worker: Start, scheduler: Start, submitter: Submitter, database: sqlalchemy.Engine, redis_url: str, tmp_path: Path
) -> None:
    scheduler()
    running = worker("generation", module="probe", PROBE_FOLDER=str(tmp_path))
    for _ in range(30):
        submitter.submit(REPORT.message(Report(dataset_id=uuid4())), tenant="default")
    eventually(lambda: in_state(database, "running") == 1 and in_state(database, "queued") == 29, "29 wait and 1 runs")
    with redis.Redis.from_url(redis_url) as client:
        eventually(lambda: client.exists("penstock:epoch"), "the relay has been there")
        client.flushall()
    (tmp_path / "go").touch()
    eventually(lambda: in_state(database, "succeeded") == 30, "all jobs end")
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar_one() == 30
    assert running.process.is_running()


def test_ten_thousand_jobs_left_without_a_worker_for_ten_minutes_leave_ten_thousand_messages(
    settings: RuntimeSettings, database: sqlalchemy.Engine, redis_url: str
) -> None:
    action = {"user_id": "u", "action": "waits", "at": "2026-01-01T00:00:00Z"}
    message = USER_ACTIONS.message(UserActions.model_validate({"actions": [action]}))
    with database.begin() as connection:
        now = connection.execute(sqlalchemy.select(NOW)).scalar_one()
        for _ in range(10_000):
            accept(connection, message, tenant="default", not_before=now)
    relay = Relay(settings.model_copy(update={"relay_every": 0.1, "lease": 0.1}))
    relay.one_pass()
    assert in_state(database, "queued") == 10_000
    with redis.Redis.from_url(redis_url) as client:
        for _ in range(10):
            make_older(database, client, "ops_trace", timedelta(minutes=1))
            relay.one_pass()
            assert client.llen("ops_trace") == 10_000
    relay.close()
    assert in_state(database, "queued") == 10_000


def make_older(database: sqlalchemy.Engine, client: "redis.Redis", queue: str, by: timedelta) -> None:
    """Let time have passed: rows and messages were stamped earlier."""
    earlier = {name: jobs.c[name] - by for name in ("created_at", "published_at", "not_before", "missing_since")}
    with database.begin() as connection:
        connection.execute(sqlalchemy.update(jobs).values(earlier))
    aged = []
    for raw in client.lrange(queue, 0, -1):
        message = json.loads(raw)
        stamp = message["headers"]["penstock"]
        stamp["published_at"] = (datetime.fromisoformat(stamp["published_at"]) - by).isoformat()
        aged.append(json.dumps(message))
    with client.pipeline() as pipeline:
        pipeline.delete(queue)
        pipeline.rpush(queue, *aged)
        pipeline.execute()
