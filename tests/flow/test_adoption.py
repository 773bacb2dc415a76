"""A stock Celery client's task with an ETA waits in the ledger, and holds no worker."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil
import pytest
import redis
import sqlalchemy
from celery import Celery
from processes import Running, eventually

from penstock_cli.embedded import Server, postgres_in
from penstock_cli.local.ports import free_port
from penstock_contracts.ops_trace import PRUNE
from penstock_contracts.queues import Pool
from penstock_runtime.database import engine_on
from penstock_runtime.ledger import JobView
from penstock_runtime.ledger.run import state_of
from penstock_runtime.migrate import upgrade
from penstock_runtime.schema import NOW, jobs
from penstock_runtime.settings import RuntimeSettings

QUEUE = "ops_trace"
HOUR = timedelta(hours=1)

Start = Callable[..., Running]
Rows = Callable[..., Any]


@pytest.fixture
def client(settings: RuntimeSettings) -> Iterator[Celery]:
    with Celery("foreign", broker=settings.broker_url, backend=settings.database_url, set_as_current=False) as app:
        yield app


@pytest.fixture
def row(database: sqlalchemy.Engine) -> Rows:
    """A column or two of a job, or None where it has no row: `row(job_id, jobs.c.state)`."""

    def read(job_id: str, *columns: Any) -> Any:
        with database.connect() as connection:
            found = connection.execute(sqlalchemy.select(*columns).where(jobs.c.id == job_id)).one_or_none()
        return found and tuple(found)

    return read


def settled(url: str) -> bool:
    """No message waits, and none is in flight."""
    with redis.Redis.from_url(url) as connection:
        return not connection.llen(QUEUE) and not connection.hlen(f"unacked:{QUEUE}")


def make_due(database: sqlalchemy.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sqlalchemy.update(jobs).values(not_before=NOW))


@pytest.mark.parametrize("pool", [Pool.PREFORK, Pool.GEVENT])
def test_a_task_with_an_eta_waits_in_the_ledger_and_runs_when_it_is_due(
    pool: Pool, client: Celery, worker: Start, scheduler: Start, row: Rows, database: sqlalchemy.Engine, redis_url: str
) -> None:
    worker(QUEUE, pool=pool)
    eta = datetime.now(UTC) + HOUR
    options = {"queue": QUEUE, "eta": eta, "expires": eta + HOUR}
    sent = client.send_task(PRUNE.name, kwargs={"days": 3}, link=client.signature("theirs.next"), **options)
    again = client.send_task(PRUNE.name, kwargs={"days": 4}, task_id=sent.id, **options)
    by_position = client.send_task(PRUNE.name, args=[3], **options)
    eventually(lambda: row(by_position.id, jobs.c.state), "it is adopted")
    eventually(lambda: settled(redis_url), "the messages are acknowledged")
    columns = (jobs.c.state, jobs.c.origin, jobs.c.not_before, jobs.c.deadline, jobs.c.payload, jobs.c.attempt)
    assert row(sent.id, *columns) == ("accepted", "adopted", eta, eta + HOUR, {"days": 3}, 0)
    assert row(sent.id, jobs.c.embed)[0]["callbacks"][0]["task"] == "theirs.next"
    assert again.id == sent.id

    make_due(database)
    scheduler()
    assert sent.get(timeout=30) == {"deleted": 0}
    with pytest.raises(Exception, match="positional arguments"):
        by_position.get(timeout=30)
    assert row(by_position.id, jobs.c.state, jobs.c.attempt) == ("failed", 1)


def test_a_task_that_is_due_soon_or_by_now_is_not_written_down_before_it_runs(
    client: Celery, worker: Start, row: Rows
) -> None:
    worker(QUEUE)
    for options in ({"countdown": 1}, {"eta": datetime(1, 1, 1, tzinfo=UTC)}, {"countdown": -HOUR.total_seconds()}):
        sent = client.send_task(PRUNE.name, kwargs={"days": 3}, queue=QUEUE, **options)
        assert sent.get(timeout=30) == {"deleted": 0}
        assert row(sent.id, jobs.c.not_before) == (None,)


@pytest.fixture
def own_postgres(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Callable[[], "subprocess.Popen[bytes]"]]]:
    """A PostgreSQL to be killed, and how to start it (again)."""
    folder = tmp_path_factory.mktemp("postgres")
    for parent in (folder, *list(folder.parents)[:3]):
        parent.chmod(0o755)  # it runs as another user when the tests run as root
    server = postgres_in(folder / "data", free_port())
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            started.append(server.start(log))
        server.wait(started[-1])
        return started[-1]

    yield server, start
    kill(started[-1])


def kill(process: "subprocess.Popen[bytes]") -> None:
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait(10)
    for one in children:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(children, timeout=10)


def test_while_postgresql_is_away_messages_go_back_and_are_neither_lost_nor_spun(
    own_postgres: tuple[Server, Callable[[], "subprocess.Popen[bytes]"]], client: Celery, worker: Start, redis_url: str
) -> None:
    server, start = own_postgres
    process = start()
    upgrade(server.url)
    urls = {"PENSTOCK_DATABASE_URL": server.url, "CELERY_RESULT_BACKEND": server.url}
    running = worker(QUEUE, PENSTOCK_OUTAGE_PATIENCE="1", PENSTOCK_DATABASE_TIMEOUT="1", **urls)
    kill(process)
    later = client.send_task(PRUNE.name, kwargs={"days": 3}, queue=QUEUE, countdown=3600)
    expired = client.send_task(PRUNE.name, kwargs={"days": 3}, queue=QUEUE, expires=-1)
    unknown = client.send_task("ops_trace.of_tomorrow", task_id=str(uuid4()), queue=QUEUE)
    sent = (later.id, expired.id, unknown.id)

    def handed_back(job_id: str) -> int:
        lines = running.text().splitlines()
        return sum('"handed_back"' in line and job_id in line for line in lines)

    eventually(lambda: all(handed_back(job_id) >= 2 for job_id in sent), "each goes back, and again")
    assert sum(handed_back(job_id) for job_id in sent) < 60
    assert not settled(redis_url)
    start()
    engine = engine_on(server.url, most=1, timeout=5)

    def state(job_id: str) -> str | None:
        with engine.connect() as connection:
            found: JobView | None = state_of(connection, job_id)
        return found and found.state

    eventually(lambda: [state(job_id) for job_id in sent] == ["accepted", "cancelled", "dead"], "all are written down")
    eventually(lambda: settled(redis_url), "and settled")
    engine.dispose()
