"""Real processes: workers, schedulers and what they need, against the run's PostgreSQL and Redis."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import sqlalchemy
from aiosmtpd.controller import Controller
from own_redis import OwnRedis, own_redis
from processes import Running, eventually
from shops import Start, stock_client, workers

from penstock_cli.local.ports import free_port
from penstock_contracts.queues import BY_NAME, Pool
from penstock_runtime.ledger import JobView
from penstock_runtime.ledger.run import state_of
from penstock_runtime.settings import RuntimeSettings

HERE = Path(__file__).parent
AS_A_MODULE = (sys.executable, "-m", "penstock_runtime.celery_command")
# Times short enough for tests that wait for leases to run out.
QUICK = {"PENSTOCK_LEASE": "2", "PENSTOCK_RENEW_EVERY": "0.4", "PENSTOCK_RELAY_EVERY": "0.2"}


@pytest.fixture
def environment(settings: RuntimeSettings, tmp_path: Path) -> dict[str, str]:
    """What every process of the suite is told."""
    return os.environ | {
        "CELERY_BROKER_URL": settings.broker_url,
        "CELERY_RESULT_BACKEND": settings.result_backend,
        "PENSTOCK_DATABASE_URL": settings.database_url,
        "PENSTOCK_STORAGE_URL": settings.storage_url,
        "PENSTOCK_SECRET_KEY": settings.secret_key.get_secret_value(),
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
        # A banner is printed, a log line is not: one may else be read before the other.
        "PYTHONUNBUFFERED": "1",
        **QUICK,
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start `celery …` with more settings, and wait until it says that it runs. All are stopped after the test."""
    started: list[Running] = []

    def start_one(
        *arguments: str, until: str, cwd: Path = HERE, program: tuple[str, ...] = AS_A_MODULE, **more: str
    ) -> Running:
        log = tmp_path / f"process-{len(started)}.log"
        heartbeat = log.with_suffix(".heartbeat")
        with log.open("wb") as output:
            process = psutil.Popen(
                [*program, *arguments],
                cwd=cwd,
                env=environment | {"PENSTOCK_HEARTBEAT_FILE": str(heartbeat)} | more,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        running = Running(process, log, heartbeat)
        started.append(running)
        eventually(lambda: running.says(until) or process.poll() is not None, f"{arguments} says {until!r}")
        assert running.says(until), log.read_text()
        return running

    yield start_one
    for running in started:
        if running.process.is_running():
            running.kill()


@pytest.fixture
def broker(redis_url: str) -> Iterator[Any]:
    """A client of the run's Redis."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def record(broker: Any) -> Any:
    """Where tasks of the shop say what they do, when the broker is another Redis that does not stay."""
    return broker


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis of the test's own."""
    with own_redis(tmp_path) as own:
        yield own


@pytest.fixture
def start_shop(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start a worker of the shop: `start_shop("prefork", concurrency=2, stock=True)`. Its name is its number."""
    with workers(redis_url, tmp_path) as start:
        yield start


@pytest.fixture
def send(redis_url: str) -> Iterator[Callable[[int, float | None], None]]:
    """Send a task of the shop as a stock client does: `send(number, seconds)`."""
    with stock_client(redis_url) as send:
        yield send


@pytest.fixture
def worker(start: Callable[..., Running]) -> Callable[..., Running]:
    """Start the worker of one queue with its own pool: `worker("mail")`, or a module of the test's own."""

    def start_worker(
        queue: str, *, module: str = "", pool: Pool | None = None, count: int | None = None, **more: Any
    ) -> Running:
        declared = BY_NAME[queue]
        module = module or f"penstock_{declared.service.replace('-', '_')}.app"
        pool = pool or declared.pool
        at_once = str(count or (10 if pool is Pool.GEVENT else 1))
        arguments = ["-A", module, "worker", "-Q", queue, "-P", pool, "-c", at_once, "--loglevel", "INFO"]
        return start(*arguments, "--without-mingle", "--without-gossip", until=" ready.", **more)

    return start_worker


@pytest.fixture
def scheduler(start: Callable[..., Running]) -> Callable[..., Running]:
    """Start a scheduler that has nothing of its own to do."""
    return lambda **more: start("-A", "relay_only", "beat", until="Starting...", **more)


@pytest.fixture
def job(database: sqlalchemy.Engine) -> Callable[[str], JobView]:
    """Read a job's row."""

    def read(job_id: str) -> JobView:
        with database.connect() as connection:
            found = state_of(connection, job_id)
        assert found is not None, f"there is no job {job_id}"
        return found

    return read


class _Keeps:
    """An SMTP server's handler that takes every message."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.messages.append(envelope.content)
        return "250 OK"


@pytest.fixture
def smtp_server() -> Iterator[dict[str, str]]:
    """A real SMTP server, as the settings that lead the mail worker to it."""
    controller = Controller(_Keeps(), hostname="127.0.0.1", port=free_port())
    controller.start()
    yield {
        "PENSTOCK_SMTP_HOST": "127.0.0.1",
        "PENSTOCK_SMTP_PORT": str(controller.port),
        "PENSTOCK_PUBLIC_URL": "http://127.0.0.1:8000",
    }
    controller.stop()
