"""Pausing under real workers: what runs ends, nothing begins, and what came meanwhile runs after the resume."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy
from processes import Running, eventually
from shops import Start, numbers

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import OPS_TRACE
from penstock_runtime.ledger import JobView
from penstock_runtime.ledger.pauses import pause, resume
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

POOLS = ["gevent", "prefork"]
PAUSED = "penstock:paused:shop"


@pytest.fixture
def submit(settings: RuntimeSettings) -> Iterator[Callable[[], str]]:
    submitter = Submitter(settings)
    yield lambda: submitter.submit(PRUNE.message(Prune()), tenant="default").job_id
    submitter.close()


@pytest.mark.parametrize("pool", POOLS)
def test_what_runs_ends_and_what_waits_runs_after_the_resume(
    broker: Any, start_shop: Start, send: Callable[[int, float | None], None], pool: str
) -> None:
    worker = start_shop(pool, concurrency=2)
    send(1, None)
    eventually(lambda: numbers(broker, "begun") == [1], "the first one runs beside a free place")
    broker.set(PAUSED, "a test")
    for number in (2, 3):
        send(number, 0)
    broker.set("go", "1")
    eventually(lambda: broker.hlen("unacked:shop") == 0, "what ran is acknowledged")
    assert (numbers(broker, "ended"), broker.llen("shop")) == ([1], 2)

    worker.kill()
    broker.delete("penstock:watch:shop")
    start_shop(pool)
    eventually(lambda: broker.exists("penstock:watch:shop"), "a worker that was started meanwhile has looked")
    assert (numbers(broker, "begun"), broker.llen("shop")) == ([1], 2)

    broker.delete(PAUSED)
    eventually(lambda: numbers(broker, "ended") == [1, 2, 3], "the others run", seconds=10)


def test_the_suites_queue_stays_paused_when_redis_is_wiped(
    worker: Callable[..., Running],
    scheduler: Callable[..., Running],
    submit: Callable[[], str],
    job: Callable[[str], JobView],
    database: sqlalchemy.Engine,
    broker: Any,
) -> None:
    with database.begin() as connection:
        pause(connection, OPS_TRACE.name, None)
    scheduler()
    eventually(lambda: broker.exists(OPS_TRACE.paused_key), "the relay has told Redis")
    worker(OPS_TRACE.name)
    first = submit()
    eventually(lambda: job(first).state == "queued", "it waits")
    broker.flushall()
    eventually(lambda: broker.exists(OPS_TRACE.paused_key), "the relay has told it again")
    eventually(lambda: broker.llen(OPS_TRACE.name) == 1, "the job is there again")
    second = submit()
    eventually(lambda: broker.llen(OPS_TRACE.name) == 2, "another one comes")
    assert (job(first).state, job(second).state) == ("queued", "queued")
    with database.begin() as connection:
        resume(connection, OPS_TRACE.name)
    eventually(lambda: {job(first).state, job(second).state} == {"succeeded"}, "both run")
