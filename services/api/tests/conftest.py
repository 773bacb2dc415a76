"""The API as an application in this process, and as gunicorn runs it, with a real PostgreSQL and Redis."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis_users
import sqlalchemy
from contract import EVENTS, Contract, Exchange
from flask.testing import FlaskClient
from processes import eventually
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from werkzeug.test import TestResponse

from penstock_api.app import Api, create_app
from penstock_api.services import EXTENSION
from penstock_api.settings import ApiSettings
from penstock_cli.embedded import Server
from penstock_cli.local.ports import free_port
from penstock_runtime.keys import create_key
from penstock_runtime.migrate import upgrade
from penstock_runtime.settings import RuntimeSettings, load

SECRET = "a key that only tests know"


@pytest.fixture
def make_api(settings: RuntimeSettings) -> Iterator[Callable[..., Api]]:
    """An application on this test's own database, with some settings of its own."""
    made: list[Api] = []

    def make(**values: Any) -> Api:
        # A revoked key must be refused at once, or tests would have to wait.
        given = {
            "PENSTOCK_DATABASE_URL": settings.database_url,
            "CELERY_BROKER_URL": settings.broker_url,
            "storage_url": settings.storage_url,
            "secret_key": SECRET,
            "api_key_cache_seconds": 0,
            "api_address_rate": "unlimited",  # everybody's is the same here
        }
        made.append(create_app(load(ApiSettings, **given | values)))
        made[-1].test_client_class = Held
        return made[-1]

    yield make
    for app in made:
        app.extensions[EXTENSION].close()


@pytest.fixture
def make_key(database: sqlalchemy.Engine) -> Callable[..., dict[str, str]]:
    """The header of a new key of a tenant."""

    def make(tenant: str = "default", **options: Any) -> dict[str, str]:
        with database.begin() as connection:
            _, secret = create_key(connection, tenant, "a test", **options)
        return {"Authorization": f"Bearer {secret}"}

    return make


@pytest.fixture
def api(make_api: Callable[..., Api], make_key: Callable[..., dict[str, str]]) -> FlaskClient:
    """A client with a key of the tenant `default`."""
    return client_of(make_api(), make_key())


@pytest.fixture
def stranger(make_api: Callable[..., Api], make_key: Callable[..., dict[str, str]]) -> FlaskClient:
    """A client with a key of another tenant."""
    return client_of(make_api(), make_key("another"))


class Held(FlaskClient):
    """A client each of whose answers must be one that the OpenAPI document promises."""

    def open(self, *args: Any, **how: Any) -> TestResponse:
        response = super().open(*args, **how)
        sent = json.dumps(how["json"]).encode() if "json" in how else None
        # What is streamed is left for the test to read.
        body = response.data if response.mimetype != EVENTS else None
        request = response.request
        exchange = Exchange(request.method, request.path, response.status_code, response.headers, body, sent)
        contract_of(self.application).check(exchange)
        return response


@cache
def contract_of(app: Api) -> Contract:
    """What the application promises."""
    # From an address of its own, since requests are counted by address.
    return Contract(FlaskClient(app).get("/openapi.json", environ_base={"REMOTE_ADDR": "203.0.113.1"}).get_json())


def client_of(app: Api, headers: dict[str, str]) -> FlaskClient:
    client = app.test_client()
    for name, value in headers.items():
        client.environ_base[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return client


@dataclass(frozen=True)
class Running:
    """gunicorn with the API, and where it keeps things."""

    process: subprocess.Popen[bytes]
    url: str
    database_url: str
    storage: Path
    log: Path

    def key(self, tenant: str = "default", **options: Any) -> dict[str, str]:
        """The header of a new key."""
        engine = create_engine(self.database_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        with engine.begin() as connection:
            _, secret = create_key(connection, tenant, "a test", **options)
        return {"Authorization": f"Bearer {secret}"}

    def client(self, tenant: str = "default", **options: Any) -> httpx.Client:
        """With a new key. Each answer must be one that the OpenAPI document promises."""
        contract = Contract(httpx.get(f"{self.url}/openapi.json").json())
        hooks: Any = {"response": [partial(hold, contract)]}
        return httpx.Client(base_url=self.url, headers=self.key(tenant, **options), event_hooks=hooks, timeout=20)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False


def hold(contract: Contract, response: httpx.Response) -> None:
    """Compare an answer with what was promised."""
    request = response.request
    # What is streamed is left for the test to read, and what was streamed is gone.
    if response.headers.get("Content-Type", "").partition(";")[0] != EVENTS:
        response.read()
    body = response.content if response.is_closed else None
    sent = request.content if hasattr(request, "_content") else None
    path = request.url.path
    contract.check(Exchange(request.method, path, response.status_code, response.headers, body, sent or None))


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def start_api(
    postgres_server: Server, redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Start gunicorn as users do, on a database of its own: `start_api(database_url=…, redis_url=…, PENSTOCK_…=…)`."""
    started: list[Running] = []

    def start(name: str, *, redis_url: str = "", database_port: int | None = None, **more: str) -> Running:
        folder = tmp_path_factory.mktemp(name)
        with psycopg.connect(postgres_server.url, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        database_url = postgres_server.url.rpartition("/")[0] + f"/{name}"
        upgrade(database_url)
        port = free_port()
        seen = re.sub(r":\d+/", f":{database_port}/", database_url) if database_port else database_url
        environment = {
            "PENSTOCK_DATABASE_URL": seen,
            "CELERY_BROKER_URL": redis_url or redis_users.as_services(redis_server.url),
            "PENSTOCK_STORAGE_URL": f"file://{folder}/storage",
            "PENSTOCK_SECRET_KEY": SECRET,
            "PENSTOCK_API_PORT": str(port),
            "PENSTOCK_API_WORKERS": "1",
            "PENSTOCK_API_KEY_RATE": "unlimited",
            "PENSTOCK_API_ADDRESS_RATE": "unlimited",  # everybody's is the same here
            "PENSTOCK_REGISTRATION_RATE": "unlimited",
        }
        command = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
        log = folder / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(command, env=os.environ | environment | more, stdout=file, stderr=file)
        running = Running(process, f"http://127.0.0.1:{port}", database_url, folder / "storage", log)
        started.append(running)
        eventually(running.answers, "the API answers")
        return running

    yield start
    for running in started:
        running.process.terminate()
    for running in started:
        running.process.wait(20)


@pytest.fixture(scope="session")
def server(start_api: Start) -> Running:
    """The API as a process, one for most tests, with small bounds."""
    bounds = {"API_BODY_BYTES": 100_000, "API_UPLOAD_BYTES": 100_000_000, "API_PAGE_MOST": 100}
    bounds |= {"API_BODY_SECONDS": 1, "API_KEEPALIVE": 1}
    return start_api("server", **{f"PENSTOCK_{name}": str(value) for name, value in bounds.items()})


@pytest.fixture(scope="session")
def http(server: Running) -> Iterator[httpx.Client]:
    """A client of the process."""
    with server.client() as client:
        yield client
