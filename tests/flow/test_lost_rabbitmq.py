"""A RabbitMQ that is killed, and comes back with what it held or with nothing, costs no job; in either pool."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy
from celery import Celery
from own_rabbitmq import OwnRabbit
from processes import Running, eventually

from penstock_contracts.generation import REPORT, Report
from penstock_contracts.ops_trace import USER_ACTIONS
from penstock_contracts.queues import Pool
from penstock_runtime.ledger import JobView
from penstock_runtime.rabbitmq.losses import MARKER
from penstock_runtime.schema import jobs
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

Start = Callable[..., Running]

POOLS = pytest.mark.parametrize("pool", list(Pool))
MANY = 30


@pytest.fixture
def settings(settings: RuntimeSettings, rabbitmq: OwnRabbit) -> RuntimeSettings:
    return settings.model_copy(update={"broker": rabbitmq.url})


@pytest.fixture
def submit(settings: RuntimeSettings) -> Iterator[Callable[[], str]]:
    submitter = Submitter(settings)
    yield lambda: submitter.submit(REPORT.message(Report(dataset_id=uuid4())), tenant="default").job_id
    submitter.close()


@pytest.fixture
def count(database: sqlalchemy.Engine) -> Callable[[str], int]:
    """How many jobs are in a state."""

    def read(state: str) -> int:
        query = sqlalchemy.select(sqlalchemy.func.count()).where(jobs.c.state == state)
        with database.connect() as connection:
            return connection.execute(query).scalar_one()

    return read


@pytest.fixture
def at_work(
    worker: Start,
    scheduler: Start,
    submit: Callable[[], str],
    count: Callable[[str], int],
    rabbitmq: OwnRabbit,
    tmp_path: Path,
) -> Callable[..., Running]:
    """Many jobs, one of which runs until the test makes the file `go`; returns the worker."""

    def begin(pool: Pool) -> Running:
        scheduler()
        arguments = {"PROBE_FOLDER": str(tmp_path)}
        running = worker("generation", module="probe", pool=pool, count=1, **arguments)
        names = lambda: [queue["name"] for queue in rabbitmq.manage("GET", "/queues").json()]  # noqa: E731
        eventually(lambda: any(name.startswith(MARKER) for name in names()), "the relay has been there")
        for _ in range(MANY):
            submit()
        eventually(lambda: count("running") == 1 and count("queued") == MANY - 1, "one runs and the rest wait")
        return running

    return begin


def marks(database: sqlalchemy.Engine) -> int:
    """How many runs have left their effect."""
    with database.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar_one()


def restart(rabbitmq: OwnRabbit) -> None:
    """Kill it, and start it with what it has on its disk."""
    rabbitmq.kill()
    rabbitmq.start()


@POOLS
@pytest.mark.parametrize("befall", [restart, OwnRabbit.forget], ids=["restarted", "emptied"])
def test_what_waits_and_what_runs_all_ends_after_rabbitmq_was(
    befall: Callable[[OwnRabbit], None],
    pool: Pool,
    at_work: Callable[..., Running],
    count: Callable[[str], int],
    rabbitmq: OwnRabbit,
    database: sqlalchemy.Engine,
    tmp_path: Path,
) -> None:
    running = at_work(pool)
    befall(rabbitmq)
    (tmp_path / "go").touch()
    eventually(lambda: count("succeeded") == MANY, "all jobs end", seconds=60)
    assert marks(database) == MANY
    assert running.process.is_running()


def test_what_is_accepted_while_rabbitmq_is_away_is_done_when_it_is_back(
    worker: Start,
    scheduler: Start,
    submit: Callable[[], str],
    count: Callable[[str], int],
    rabbitmq: OwnRabbit,
    tmp_path: Path,
) -> None:
    scheduler(PENSTOCK_PUBLISH_TIMEOUT="5")
    worker("generation", module="probe", PROBE_FOLDER=str(tmp_path))
    (tmp_path / "go").touch()
    rabbitmq.kill()
    for _ in range(MANY):
        submit()
    assert count("accepted") == MANY
    rabbitmq.start()
    eventually(lambda: count("succeeded") == MANY, "all jobs end", seconds=60)


def test_a_message_that_a_worker_holds_for_longer_than_consumer_timeout_costs_neither_worker_nor_job(
    worker: Start,
    scheduler: Start,
    submit: Callable[[], str],
    job: Callable[[str], JobView],
    rabbitmq: OwnRabbit,
    tmp_path: Path,
) -> None:
    scheduler()
    # As each channel is told when it is opened.
    with rabbitmq.consumer_timeout(milliseconds=1000):
        running = worker("generation", module="probe", PROBE_FOLDER=str(tmp_path))
        job_id = submit()
        eventually(lambda: job(job_id).state == "running", "it runs")
        eventually(lambda: running.says("PRECONDITION_FAILED"), "RabbitMQ closes its channel", seconds=90)
        (tmp_path / "go").touch()
        eventually(lambda: job(job_id).state == "succeeded", "it ends")
        assert job(job_id).attempt == 1
        second = submit()
        eventually(lambda: job(second).state == "succeeded", "and the worker takes another")
    assert running.process.is_running()


def test_a_stock_client_that_declares_the_queue_as_ours_sends_to_it(
    worker: Start, rabbitmq: OwnRabbit, job: Callable[[str], JobView]
) -> None:
    worker("ops_trace")
    with Celery(broker=rabbitmq.url, set_as_current=False) as client:
        client.conf.task_queue_max_priority = 5
        action = {"user_id": "u", "action": "opened", "at": "2026-01-01T00:00:00Z"}
        sent = client.send_task(USER_ACTIONS.name, kwargs={"actions": [action]}, queue="ops_trace")
    eventually(lambda: ended(job, sent.id), "it is adopted and done")


def ended(job: Callable[[str], JobView], job_id: str) -> bool:
    try:
        return job(job_id).state == "succeeded"
    except AssertionError:
        return False


def test_under_gevent_what_has_ended_is_acknowledged_at_once(
    worker: Start, settings: RuntimeSettings, rabbitmq: OwnRabbit, count: Callable[[str], int]
) -> None:
    """Celery itself would do it up to two seconds later, and a worker that may take no more waits for that."""
    worker("ops_trace", count=1)
    submitter = Submitter(settings)
    action = {"user_id": "u", "action": "opened", "at": "2026-01-01T00:00:00Z"}
    message = USER_ACTIONS.message(USER_ACTIONS.payload.model_validate({"actions": [action]}))
    for _ in range(MANY):
        submitter.submit(message, tenant="default")
    eventually(lambda: count("succeeded") == MANY, "all are done: in less than the minute that it would be else")
    submitter.close()
    assert rabbitmq.ready("ops_trace") == 0
