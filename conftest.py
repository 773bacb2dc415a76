"""Real neighbours for every test: one Redis and one PostgreSQL for the run, an empty database for each test."""

import itertools
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
import redis_users
import sqlalchemy
from own_rabbitmq import OwnRabbit, own_rabbitmq

from penstock_cli.embedded import Server, postgres_in, redis_in
from penstock_cli.local.ports import free_port
from penstock_contracts.task import Contract
from penstock_runtime.database import connect
from penstock_runtime.errors import PenstockError
from penstock_runtime.ledger import JobView, accept, read_job
from penstock_runtime.migrate import upgrade
from penstock_runtime.schema import metadata
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.worker import Delivery, Served, Skipped, Worker

_numbers = itertools.count()


def _running(server: Server, folder: Path) -> Iterator[Server]:
    with (folder / f"{server.name}.log").open("ab") as log:
        process = server.start(log)
        try:
            server.wait(process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    # Not pytest's tmp_path: PostgreSQL runs as another user when the tests run as root.
    with tempfile.TemporaryDirectory(prefix="penstock-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_server(servers_folder: Path) -> Iterator[Server]:
    yield from _running(postgres_in(servers_folder / "postgres", free_port(), durable=False), servers_folder)


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[Server]:
    yield from _running(redis_in(servers_folder / "redis", free_port()), servers_folder)


@pytest.fixture(scope="session")
def _template(postgres_server: Server) -> str:
    upgrade(postgres_server.url)
    return postgres_server.url


@pytest.fixture
def database_url(_template: str) -> Iterator[str]:
    """A database of this test's own, with the tables in it."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(_template.rpartition("/")[0] + "/template1", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE postgres')
    yield _template.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(_template.rpartition("/")[0] + "/template1", autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def _only_database(_template: str) -> str:
    server, _, template = _template.rpartition("/")
    with psycopg.connect(f"{server}/template1", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE emptied TEMPLATE "{template}"')
    return f"{server}/emptied"


@pytest.fixture
def emptied_database_url(_only_database: str) -> str:
    """One database for many tests, emptied: it takes a tenth of the time that making one does."""
    with psycopg.connect(_only_database) as connection:
        # Of the tests before, nothing goes on.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tables = ", ".join(table.name for table in metadata.sorted_tables)
        connection.execute(f"TRUNCATE {tables}")
        connection.execute("INSERT INTO relay (id) VALUES (1)")
    return _only_database


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """The run's Redis, emptied."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def services_url(redis_url: str) -> str:
    """The same for the user that the chart gives to the services: whatever runs for a test may do no more."""
    return redis_users.as_services(redis_url)


@pytest.fixture(scope="session")
def _rabbitmq() -> Iterator[OwnRabbit]:
    with own_rabbitmq() as own:
        yield own


@pytest.fixture
def rabbitmq(_rabbitmq: OwnRabbit) -> OwnRabbit:
    """The run's RabbitMQ, emptied. Skips the test where there is none."""
    _rabbitmq.empty()
    return _rabbitmq


@pytest.fixture
def settings(database_url: str, services_url: str, tmp_path: Path) -> RuntimeSettings:
    """Settings of this test's own database, the run's Redis and a storage folder."""
    return load(
        RuntimeSettings,
        PENSTOCK_DATABASE_URL=database_url,
        CELERY_BROKER_URL=services_url,
        CELERY_RESULT_BACKEND=database_url,
        storage_url=f"file://{tmp_path}/storage",
        secret_key="a key that only tests know",
        heartbeat_file=str(tmp_path / "heartbeat"),
    )


@pytest.fixture
def database(settings: RuntimeSettings) -> Iterator[sqlalchemy.Engine]:
    """An engine on this test's own database."""
    engine = connect(settings)
    yield engine
    engine.dispose()


@pytest.fixture
def run(settings: RuntimeSettings, database: sqlalchemy.Engine) -> Callable[..., JobView]:
    """Accept a job, run it once as a worker does, and return its row: `run(served, payload, tenant="default")`."""
    worker = Worker(settings, "test")

    def run_once(served: Served[Any, Any], payload: Contract, *, tenant: str = "default") -> JobView:
        with database.begin() as connection:
            accepted = accept(connection, served.task.message(payload), tenant=tenant)
        with suppress(PenstockError, Skipped):  # the row says how it ended
            worker.run(served, Delivery(accepted.job_id, uuid4(), {}, known=True))
        with database.begin() as connection:
            job = read_job(connection, accepted.job_id, tenant=tenant)
        assert job is not None
        return job

    return run_once
