"""A little of what a run leaves: jobs that were sent and ended, with their effects, in the real places."""

import smtplib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest
from chaos import work
from chaos.faults import Hit
from chaos.record import TASKS, Findings, examine
from chaos.sink import Sink, smtp_sink
from sqlalchemy import Connection, Engine, insert, update

from penstock_cli.local.ports import free_port
from penstock_contracts.queues import DATASET, GENERATION, MAIL, OPS_TRACE, QUEUES, Queue
from penstock_contracts.task import Message
from penstock_runtime.ledger import accept
from penstock_runtime.ledger import run as ledger
from penstock_runtime.schema import dataset_rows, datasets, files, jobs, user_actions

TENANT = "default"
FEW = 3
"""Effects of a job: to find one missing or too many, more are not needed."""


SLOTS = {queue.name: 1 for queue in QUEUES}


@dataclass
class Left:
    """What a run has left, and what its driver knows of it. `sent`: the jobs, as their senders know them."""

    engine: Engine
    sink: Sink
    smtp_port: int
    storage: Path
    sent: list[work.Job] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)

    def accepted(self, queue: Queue) -> work.Job:
        """Have a job accepted, and its sender told."""
        job = work.make(queue, len(self.sent), "run", Random(len(self.sent)))
        job.effects = min(job.effects, FEW)
        self.sent.append(job)
        payload = {"email": job.email} if queue is MAIL else {}
        with self.engine.begin() as connection:
            message = Message(TASKS[queue], queue.name, payload)
            job.accepted(accept(connection, message, tenant=TENANT, idempotency_key=job.key).job_id)
        return job

    def succeeded(self, queue: Queue) -> work.Job:
        """A job that was accepted and done, with all its effects."""
        job = self.accepted(queue)
        assert job.id is not None
        token = uuid4()
        result = {"message_id": f"<{job.id}@example.com>"} if queue is MAIL else {}
        with self.engine.begin() as connection:
            assert ledger.claim(connection, job.id, token, lease=20, worker="test")
            _EFFECTS[queue](self, connection, job)
            assert ledger.finish(connection, job.id, token, result)
        return job

    def change(self, job: work.Job, **values: object) -> None:
        """Make a job's row what a test needs it to be."""
        with self.engine.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))

    def deliver(self, job: work.Job) -> float:
        """Send the mail of a job to the sink, and return when that was."""
        message = EmailMessage()
        message["Message-ID"] = f"<{job.id}@example.com>"
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as client:
            client.send_message(message, "penstock@example.com", [job.email])
        return self.sink.deliveries[message["Message-ID"]][-1]

    def examined(self) -> Findings:
        """The verdict."""
        return examine(self.engine, self.sent, self.sink, self.storage, self.hits, SLOTS)


def _imported(left: Left, connection: Connection, job: work.Job) -> None:
    about = {"tenant": TENANT, "file_id": uuid4(), "name": "a.csv", "format": "csv", "encoding": "utf-8"}
    connection.execute(insert(datasets).values(id=UUID(job.id), rows=job.effects, chunks=0, columns=[], **about))
    rows = [{"dataset_id": UUID(job.id), "number": number + 1, "cells": []} for number in range(job.effects)]
    connection.execute(insert(dataset_rows), rows)


def _kept(left: Left, connection: Connection, job: work.Job) -> None:
    action = {"tenant": TENANT, "user_id": "a", "action": "b", "at": "2026-05-01T00:00:00Z", "detail": {}}
    connection.execute(insert(user_actions), [action | {"job_id": job.id}] * job.effects)


def _reported(left: Left, connection: Connection, job: work.Job) -> None:
    for name in ("report.html", "report.pdf"):
        path = left.storage / str(job.id) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a report")
        about = {"tenant": TENANT, "name": name, "media_type": "text/html", "sha256": "", "bytes": 8}
        key = str(path.relative_to(left.storage))
        connection.execute(insert(files).values(id=uuid4(), storage_key=key, job_id=job.id, **about))


def _mailed(left: Left, connection: Connection, job: work.Job) -> None:
    left.deliver(job)


_EFFECTS: dict[Queue, Callable[[Left, Connection, work.Job], None]] = {
    DATASET: _imported,
    OPS_TRACE: _kept,
    GENERATION: _reported,
    MAIL: _mailed,
}


@pytest.fixture
def database_url(emptied_database_url: str) -> str:
    """The examiner looks at a ledger in which nothing goes on."""
    return emptied_database_url


@pytest.fixture
def left(database: Engine, tmp_path: Path) -> Iterator[Left]:
    """Nothing yet."""
    port = free_port()
    with smtp_sink(port, seed=1, thinks=(0, 0)) as sink:
        yield Left(database, sink, port, tmp_path)


@pytest.fixture
def done(left: Left) -> Sequence[work.Job]:
    """One job of each queue, each as it should be."""
    return [left.succeeded(queue) for queue in QUEUES]
