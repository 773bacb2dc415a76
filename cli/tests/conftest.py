"""A real API for the commands that ask one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
import sqlalchemy
from command_line import Penstock, RunningApi
from gates import Gate
from processes import eventually

from penstock_cli.embedded import Server
from penstock_cli.local.ports import free_port
from penstock_runtime.migrate import upgrade

TEST_SETTINGS = {
    "PENSTOCK_API_WORKERS": "1",
    "PENSTOCK_API_LISTENER_SECONDS": "1",  # so that whoever watches has to come back
    "PENSTOCK_API_LISTENERS_OF_TENANT": "2",  # so that whoever watches three has to wait
    "PENSTOCK_API_KEY_CACHE_SECONDS": "0",
    "PENSTOCK_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
}


@pytest.fixture(scope="session")
def running_api(
    postgres_server: Server, redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApi]:
    """The API as users start it. PostgreSQL is reached through a gate."""
    folder = tmp_path_factory.mktemp("api")
    name = f"cli_{uuid4().hex}"
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    url = f"{postgres_server.url.rpartition('/')[0]}/{name}"
    upgrade(url)
    gate = Gate(int(url.rpartition(":")[2].partition("/")[0]))
    port = free_port()
    environment = {
        "PENSTOCK_DATABASE_URL": f"{url.rpartition(':')[0]}:{gate.port}/{name}",
        "CELERY_BROKER_URL": redis_server.url,
        "PENSTOCK_STORAGE_URL": f"file://{folder}/storage",
        "PENSTOCK_API_PORT": str(port),
        **TEST_SETTINGS,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        eventually(lambda: _answers(f"http://127.0.0.1:{port}/healthz"), "the API answers")
        yield RunningApi(f"http://127.0.0.1:{port}", engine, gate)
    finally:
        process.terminate()
        process.wait(20)
        engine.dispose()
        gate.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def tenant() -> str:
    """A tenant of this test's own."""
    return f"tenant-{uuid4().hex[:8]}"


@pytest.fixture
def penstock(running_api: RunningApi, tenant: str) -> Penstock:
    """The command line of one who has a key of this test's tenant."""
    return Penstock({"PENSTOCK_API_URL": running_api.url, "PENSTOCK_API_KEY": running_api.key(tenant)})
