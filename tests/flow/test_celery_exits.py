"""Messages that end inside Celery, before a task is started: their jobs move, and no log shows what they held."""

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
import sqlalchemy
from celery import Celery
from kombu import Connection
from processes import Running, celery, eventually

from penstock_cli.embedded import Server
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import SEPARATOR
from penstock_runtime.database import connect
from penstock_runtime.errors import PenstockError
from penstock_runtime.ledger import JobView, accept
from penstock_runtime.ledger.run import state_of
from penstock_runtime.relay import Relay
from penstock_runtime.schema import NOW, jobs
from penstock_runtime.settings import RuntimeSettings, load

SECRET = "a-token-that-no-log-may-show"
QUEUE = "ops_trace"
PAST = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Suite:
    """A worker with its events, a stock Celery client, and the rows."""

    settings: RuntimeSettings
    worker: Running
    client: Celery
    database: sqlalchemy.Engine
    redis: "redis.Redis"
    events: list[str] = field(default_factory=list)

    def waiting_job(self) -> str:
        """A job whose message was published so long ago that the relay would look for it."""
        with self.database.begin() as connection:
            job_id = accept(connection, PRUNE.message(Prune(days=3)), tenant="default").job_id
            values = {"state": "queued", "published_at": NOW - timedelta(hours=1)}
            connection.execute(sqlalchemy.update(jobs).where(jobs.c.id == job_id).values(values))
        return job_id

    def job(self, job_id: str) -> JobView | None:
        with self.database.connect() as connection:
            return state_of(connection, job_id)

    def send(self, body: Any, *, content_type: str = "application/json", **headers: Any) -> None:
        """As a stock kombu producer does."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        with Connection(self.settings.broker_url) as connection:
            producer = connection.Producer()
            encoding = {"content_type": content_type, "content_encoding": "utf-8"}
            producer.publish(text, routing_key=QUEUE, headers=headers, correlation_id="c", **encoding)

    def settled(self) -> bool:
        """No message waits, and none is in flight."""
        return not self.redis.llen(QUEUE) and not self.redis.hlen(f"unacked:{QUEUE}")

    def publishes(self) -> list[str]:
        """Ids of what a relay publishes that looks for lost messages."""
        quick = {"relay_every": 0.05, "publish_timeout": 2, "redis_timeout": 0.5}
        urls = {"PENSTOCK_DATABASE_URL": self.settings.database_url, "CELERY_BROKER_URL": self.settings.broker_url}
        published: list[str] = []
        with closing(Relay(load(RuntimeSettings, **urls, **quick))) as relay:
            for _ in range(3):
                relay.one_pass()
                threading.Event().wait(0.05)
        with self.database.connect() as connection:
            recent = jobs.c.published_at > NOW - timedelta(minutes=1)
            published += connection.execute(sqlalchemy.select(jobs.c.id).where(recent)).scalars()
        return published


@pytest.fixture(scope="module")
def database(_template: str) -> Iterator[str]:
    with psycopg.connect(_template.rpartition("/")[0] + "/template1", autocommit=True) as admin:
        admin.execute("CREATE DATABASE exits TEMPLATE postgres")
    yield _template.rpartition("/")[0] + "/exits"
    with psycopg.connect(_template.rpartition("/")[0] + "/template1", autocommit=True) as admin:
        admin.execute("DROP DATABASE exits WITH (FORCE)")


@pytest.fixture(scope="module")
def suite(database: str, redis_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """One for all of these: each of them has jobs of its own."""
    folder = tmp_path_factory.mktemp("exits")
    urls = {"CELERY_BROKER_URL": redis_server.url, "CELERY_RESULT_BACKEND": database, "PENSTOCK_DATABASE_URL": database}
    settings = load(RuntimeSettings, **urls, heartbeat_file=str(folder / "heartbeat"))
    client = Celery("foreign", broker=redis_server.url, backend=database, set_as_current=False)
    client.conf.broker_transport_options = {"sep": SEPARATOR}  # for the answer to a remote command
    with redis.Redis.from_url(redis_server.url) as connection:
        connection.flushall()
        listening = connection.pubsub(ignore_subscribe_messages=True)
        listening.psubscribe("*celeryev*")
        worker = celery(
            *["-A", "penstock_worker_opstrace.app", "worker", "-Q", QUEUE, "-P", "gevent", "-c", "10", "-E"],
            environment=os.environ
            | urls
            | {"PENSTOCK_LOG_LEVEL": "DEBUG", "PENSTOCK_RETRY_FIRST": "30", "PYTHONUNBUFFERED": "1"},
            log=folder / "worker.log",
            until=" ready.",
            cwd=Path(__file__).parent,
        )
        made = Suite(settings, worker, client, connect(settings), connection)

        def listen(message: dict[str, Any]) -> None:
            made.events.append(base64.b64decode(json.loads(message["data"])["body"]).decode())

        listening.psubscribe(**{"*celeryev*": listen})
        thread = listening.run_in_thread(sleep_time=0.05, daemon=True)
        yield made
        thread.stop()
        thread.join()
        worker.kill()
    made.database.dispose()
    client.close()


def call(suite: Suite, job_id: str, *, task: str = PRUNE.name, **headers: Any) -> None:
    """A message of Celery's second protocol, whose sender shows its arguments in the headers."""
    shown = {"argsrepr": SECRET, "kwargsrepr": SECRET, "origin": SECRET}
    suite.send([[], {"days": 3, "token": SECRET}, {}], id=job_id, task=task, **shown | headers)


def undecodable(suite: Suite, job_id: str) -> None:
    suite.send(b'[[], {"token": "' + SECRET.encode(), id=job_id, task=PRUNE.name)


def pickled(suite: Suite, job_id: str) -> None:
    suite.send(SECRET.encode(), content_type="application/x-python-serialize", id=job_id, task=PRUNE.name)


def without_a_task(suite: Suite, job_id: str) -> None:
    suite.send({"token": SECRET}, id=job_id)


def with_another_body(suite: Suite, job_id: str) -> None:
    suite.send([[], SECRET], id=job_id, task=PRUNE.name)


def with_a_bad_eta(suite: Suite, job_id: str) -> None:
    call(suite, job_id, eta=SECRET)


def with_a_bad_time_limit(suite: Suite, job_id: str) -> None:
    call(suite, job_id, timelimit=[SECRET, None])


def of_the_first_protocol(suite: Suite, job_id: str) -> None:
    suite.send({"id": job_id, "task": PRUNE.name, "args": [], "kwargs": [SECRET]})


def of_an_unknown_task(suite: Suite, job_id: str) -> None:
    call(suite, job_id, task="ops_trace.of_tomorrow")


def expired(suite: Suite, job_id: str) -> None:
    call(suite, job_id, expires=PAST)


def revoked(suite: Suite, job_id: str) -> None:
    assert suite.client.control.revoke(job_id, reply=True, timeout=5)
    call(suite, job_id)


ENDS = [
    (undecodable, "failed", "undecodable"),
    (pickled, "failed", "invalid_message"),
    (without_a_task, "failed", "unknown_message"),
    (with_another_body, "failed", "invalid_message"),
    (with_a_bad_eta, "failed", "invalid_message"),
    (with_a_bad_time_limit, "failed", "invalid_message"),
    (of_the_first_protocol, "failed", "invalid_message"),
    (expired, "cancelled", "deadline_passed"),
    (revoked, "cancelled", "cancelled"),
    (of_an_unknown_task, "accepted", "unknown_task"),
]


def lines_with_the_secret(suite: Suite) -> list[str]:
    """Of the worker's log, and of its events."""
    return [line for line in [*suite.worker.text().splitlines(), *suite.events] if SECRET in line]


@pytest.mark.parametrize(("send", "state", "code"), ENDS, ids=[send.__name__ for send, *_ in ENDS])
def test_the_job_of_a_message_that_ends_in_celery_moves_and_is_not_published_again(
    suite: Suite, send: Callable[[Suite, str], None], state: str, code: str
) -> None:
    job_id, lost = suite.waiting_job(), suite.waiting_job()
    send(suite, job_id)
    eventually(lambda: suite.job(job_id).state != "queued", "the row moves")
    eventually(suite.settled, "the message is settled")
    row = suite.job(job_id)
    assert (row.state, row.error["code"], row.attempt) == (state, code, 0)
    assert bool(row.finished_at) == (state != "accepted")
    published = suite.publishes()
    assert job_id not in published
    assert lost in published, "else this would see nothing"
    assert f'"job": "{job_id}"' in suite.worker.text()
    assert lines_with_the_secret(suite) == []
    assert SECRET not in str(row.error)


def test_a_job_whose_task_is_unknown_waits_longer_the_longer_nobody_knows_it(suite: Suite) -> None:
    known = {suite.waiting_job(): publications for publications in (1, 2, 9)}
    with suite.database.begin() as connection:
        for job_id, publications in known.items():
            of_it = sqlalchemy.update(jobs).where(jobs.c.id == job_id)
            connection.execute(of_it.values(publications=publications))
    waits = []
    for job_id in known:
        began = datetime.now(UTC)
        of_an_unknown_task(suite, job_id)
        waits.append(eventually(lambda job_id=job_id: suite.job(job_id).not_before, "it waits") - began)
    assert [round(wait.total_seconds() / 10) * 10 for wait in waits] == [30, 60, 600]


def test_a_message_of_no_job_is_settled_whatever_it_is(suite: Suite) -> None:
    broken = (undecodable, pickled, without_a_task, with_another_body, with_a_bad_eta, of_the_first_protocol)
    sent = {str(uuid4()): send for send in broken}
    for job_id, send in sent.items():
        send(suite, job_id)
    for odd in (5, None, [], {"id": ["x"], "task": ["y"]}, {"id": "a\x00b", "task": PRUNE.name, "kwargs": {}}):
        suite.send(odd)
    suite.send([[], {}, {}], id=5, task=[SECRET])
    suite.send([[], {}, {}], id="x" * 256, task=PRUNE.name)
    eventually(suite.settled, "they are all settled")
    for job_id, send in sent.items():
        assert f'"job": "{job_id}"' in suite.worker.text(), send.__name__
        assert suite.job(job_id) is None
    assert suite.client.send_task(PRUNE.name, kwargs={"days": 3}, queue=QUEUE).get(timeout=30) == {"deleted": 0}
    assert lines_with_the_secret(suite) == []


def test_a_client_is_told_that_no_worker_knew_its_task_and_one_that_does_may_still_run_it(suite: Suite) -> None:
    call(suite, job_id := str(uuid4()), task="ops_trace.of_tomorrow")
    with pytest.raises(PenstockError, match="of_tomorrow") as told:
        suite.client.AsyncResult(job_id).get(timeout=30)
    assert told.value.code == "NotRegistered"
    suite.send([[], {"days": 3}, {}], id=job_id, task=PRUNE.name)
    # What the client was told is forgotten before the job's own row is written.
    eventually(lambda: (row := suite.job(job_id)) and row.state == "succeeded", "it runs")


def test_a_message_of_the_ledgers_without_a_row_never_runs(suite: Suite) -> None:
    call(suite, job_id := str(uuid4()), penstock={"published_at": PAST})
    row = eventually(lambda: suite.job(job_id), "it is kept")
    assert (row.state, row.error["code"], row.attempt) == ("dead", "row_missing", 0)
    call(suite, job_id := str(uuid4()), task="ops_trace.of_tomorrow", penstock={"published_at": PAST})
    eventually(suite.settled, "it is settled")
    assert suite.job(job_id) is None


def test_a_task_that_runs_shows_its_arguments_to_nobody(suite: Suite) -> None:
    call(suite, job_id := str(uuid4()))
    row = eventually(lambda: (row := suite.job(job_id)) and row.finished_at and row, "it runs")
    assert row.error["code"] == "invalid_payload"
    eventually(lambda: any("task-received" in event and job_id in event for event in suite.events), "its event comes")
    assert lines_with_the_secret(suite) == []
