"""The broker or PostgreSQL stopped, with SIGSTOP or for good: the API answers in time, and all is made up for."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import sqlalchemy
from brokers import BROKERS
from processes import Running, eventually

from penstock_cli.embedded import Server, postgres_in, redis_in
from penstock_cli.local.ports import free_port
from penstock_runtime.database import engine_on
from penstock_runtime.keys import create_key
from penstock_runtime.migrate import upgrade
from penstock_runtime.schema import jobs

PROMISED = 4
"""Seconds within which every POST is answered."""

ROOT = Path(__file__).parents[2]
NOWHERE = "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"
ACTIONS = {"actions": [{"user_id": "u", "action": "login", "at": "2026-05-01T08:30:00Z"}]}
KEPT = {"task": "ops_trace.user_actions", "payload": ACTIONS}
IN_BULK = 10
FINAL = ("succeeded", "failed", "cancelled")

Api = Callable[..., httpx.Client]
Stop = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def api(environment: dict[str, str], tmp_path: Path) -> Iterator[Api]:
    """Start gunicorn with two processes; a client of it that waits no longer than was promised."""
    opened: list[tuple[httpx.Client, psutil.Popen]] = []

    def start(**more: str) -> httpx.Client:
        url = f"http://127.0.0.1:{free_port()}"
        settings = environment | {"PENSTOCK_API_PORT": url.rpartition(":")[2], "PENSTOCK_API_WORKERS": "2"} | more
        with (tmp_path / "api.log").open("wb") as log:
            command = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
            process = psutil.Popen(command, env=settings, stdout=log, stderr=subprocess.STDOUT)
        engine = engine_on(settings["PENSTOCK_DATABASE_URL"], most=1, timeout=5)
        with engine.begin() as connection:
            _, key = create_key(connection, "default", "a test", rate="unlimited")
        engine.dispose()
        client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=PROMISED)
        opened.append((client, process))
        eventually(lambda: ready(client) == 200, "the API is ready")
        return client

    yield start
    for client, process in opened:
        client.close()
        process.terminate()
        process.wait(20)


def ready(client: httpx.Client) -> int:
    try:
        return client.get("/readyz").status_code
    except httpx.TransportError:
        return 0


@contextmanager
def running(server: Server, folder: Path) -> Iterator[psutil.Process]:
    """The server, until it is told to stop."""
    with (folder / f"{server.name}.log").open("ab") as log:
        process = server.start(log)
    server.wait(process)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(server.stop_signal)
        process.wait(20)


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """The process and all its children stopped with SIGSTOP."""
    family = [process, *process.children(recursive=True)]
    for one in family:
        one.suspend()
    try:
        yield
    finally:
        for one in family:
            if one.is_running():
                one.resume()


def posts(client: httpx.Client, waiting: str, ended: str) -> list[Callable[[], httpx.Response]]:
    """A POST of every route, each with an Idempotency-Key of its own."""

    def post(path: str, **body: Any) -> Callable[[], httpx.Response]:
        key = {"Idempotency-Key": str(uuid4())}
        return lambda: client.post(path, headers=key, **body)

    def upload(lines: int) -> Callable[[], httpx.Response]:
        return post("/v1/datasets", files={"file": ("a.csv", b"number,name\n" + b"1,row\n" * lines)})

    return [
        post("/v1/user-actions", json=ACTIONS),
        post("/v1/reports", json={"dataset_id": NOWHERE}),
        post("/v1/jobs", json=KEPT),
        post("/v1/jobs/bulk", json={"jobs": [KEPT] * IN_BULK}),
        post("/v1/registrations", json={"email": f"{uuid4()}@example.com"}),
        upload(10),
        upload(100_000),
        post(f"/v1/jobs/{waiting}/cancel"),
        post(f"/v1/jobs/{ended}/retry"),
    ]


def together(asked: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(asked)) as pool:
        return [answer.result() for answer in [pool.submit(one) for one in asked]]


def states(database: sqlalchemy.Engine) -> dict[str, int]:
    query = sqlalchemy.select(jobs.c.state, sqlalchemy.func.count().label("count")).group_by(jobs.c.state)
    with database.connect() as connection:
        return {row.state: row.count for row in connection.execute(query)}


def failed_job(client: httpx.Client) -> str:
    """A job that has ended badly, and may be retried."""
    job_id = client.post("/v1/reports", json={"dataset_id": NOWHERE}).json()["job_id"]
    eventually(lambda: client.get(f"/v1/jobs/{job_id}").json()["state"] == "failed", "it has failed")
    return str(job_id)


@pytest.fixture(params=BROKERS)
def broker_to_stop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Stop]]:
    """A broker's URL, and what stops it for a while."""
    if request.param == "redis":
        server = redis_in(tmp_path / "redis", free_port())
        with running(server, tmp_path) as process:
            yield server.url, lambda: stopped(process)
        return
    rabbitmq = request.getfixturevalue("rabbitmq")

    @contextmanager
    def paused() -> Iterator[None]:
        rabbitmq.pause()
        try:
            yield
        finally:
            rabbitmq.resume()

    yield rabbitmq.url, paused


def test_while_the_broker_is_stopped_every_post_is_answered_in_time_and_all_jobs_finish_afterwards(
    broker_to_stop: tuple[str, Stop],
    api: Api,
    start: Callable[..., Running],
    scheduler: Callable[..., Running],
    smtp_server: dict[str, str],
    database: sqlalchemy.Engine,
) -> None:
    url, stop = broker_to_stop
    broker = {"CELERY_BROKER_URL": url}
    client = api(**broker, PENSTOCK_REGISTRATION_RATE="unlimited")
    scheduler(**broker, PENSTOCK_START_WITHIN="10")  # what went down with a connection is missed the sooner
    everything = ["-A", "app.celery", "worker", "-P", "gevent", "-c", "4", "--loglevel", "INFO"]
    everything += ["-Q", "dataset,generation,mail,ops_trace", "--without-mingle", "--without-gossip"]
    start(*everything, until=" ready.", cwd=ROOT, **broker, **smtp_server)
    ended = failed_job(client)
    with stop():
        first = client.post("/v1/jobs", json=KEPT | {"not_before": "2026-05-01T08:30:00Z"})
        every = [one for _ in range(3) for one in posts(client, first.json()["job_id"], ended)[:-1]]
        every.append(posts(client, first.json()["job_id"], ended)[-1])
        answers = together([*every, *[lambda: client.get("/healthz")] * 10, *[lambda: client.get("/v1/jobs")] * 10])
        again = together(every[:-1])
        assert {answer.status_code for answer in answers} <= {200, 202}
        assert {answer.status_code for answer in again} <= {200, 202}
    eventually(lambda: states(database).keys() <= {*FINAL}, "all jobs finish", seconds=90)
    # What was sent again was accepted once, whether it has a key or, as a cancel, needs none.
    assert states(database) == {"succeeded": 3 * (1 + 1 + IN_BULK + 1 + 2), "failed": 1 + 3, "cancelled": 1}


def test_while_postgresql_is_stopped_the_answer_is_503_and_it_is_ready_again_by_itself(
    api: Api, servers_folder: Path
) -> None:
    server = postgres_in(servers_folder / f"stopped-{os.getpid()}", free_port(), durable=False)
    with running(server, servers_folder) as process:
        upgrade(server.url)
        client = api(PENSTOCK_DATABASE_URL=server.url, PENSTOCK_REGISTRATION_RATE="unlimited")
        started = client.post("/v1/jobs", json=KEPT).json()["job_id"]
        sent = posts(client, started, started)
        with stopped(process):
            answers = together([*sent, *sent, lambda: client.get("/v1/jobs"), lambda: client.get("/readyz")])
            assert {client.get("/healthz").status_code for _ in range(10)} == {200}
        all_unavailable(answers)
        eventually(lambda: ready(client) == 200, "it is ready again")
        assert {answer.status_code for answer in together(sent[:-1])} <= {200, 202}
    all_unavailable(together(sent))
    with running(server, servers_folder):
        eventually(lambda: ready(client) == 200, "it is ready after a restart")
        assert {answer.status_code for answer in together(sent[:-1])} <= {200, 202}
        engine = engine_on(server.url, most=1, timeout=5)
        # The unknown outcomes, and the repeats of them all: one job for each key.
        assert sum(states(engine).values()) == 1 + 1 + 1 + 1 + IN_BULK + 1 + 2
        engine.dispose()


def all_unavailable(answers: list[httpx.Response]) -> None:
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
        assert int(answer.headers["Retry-After"]) > 0
