"""SIGKILL of a worker during a real job of each queue: the job runs again, and its effect is there once.

With either broker.
"""

import asyncio
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
import sqlalchemy
from aiosmtpd.controller import Controller
from brokers import BROKERS, carried_by
from processes import Running, eventually

from penstock_cli.local.ports import free_port
from penstock_contracts.dataset import IMPORT_FILE, ImportFile
from penstock_contracts.generation import REPORT, Report
from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.ops_trace import USER_ACTIONS, UserActions
from penstock_contracts.task import Message
from penstock_runtime.ledger import JobView
from penstock_runtime.schema import dataset_rows, datasets, files, user_actions
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.storage import Storage
from penstock_runtime.submit import Submitter

Start = Callable[..., Running]
Submit = Callable[[Message], str]
Read = Callable[[str], JobView]


@pytest.fixture(params=BROKERS)
def settings(request: pytest.FixtureRequest, settings: RuntimeSettings) -> RuntimeSettings:
    return carried_by(request.param, request, settings)


@pytest.fixture
def submit(settings: RuntimeSettings) -> Iterator[Submit]:
    submitter = Submitter(settings)
    yield lambda message: submitter.submit(message, tenant="default").job_id
    submitter.close()


@pytest.fixture
def kill_during(worker: Start, scheduler: Start, submit: Submit, job: Read) -> Callable[..., JobView]:
    """Submit a job, kill its worker while it is seen running, start another one, and return how the job ended."""

    def kill(
        message: Message,
        *,
        when: Callable[[], bool] = lambda: True,
        then: Callable[[], None] = lambda: None,
        **settings: str,
    ) -> JobView:
        scheduler()
        first = worker(message.queue, **settings)
        job_id = submit(message)
        eventually(lambda: job(job_id).state == "running" and when(), "the job runs")
        first.kill()
        assert job(job_id).state == "running", "the job was over before the kill"
        then()
        worker(message.queue, **settings)
        eventually(lambda: job(job_id).state not in ("accepted", "queued", "running"), "the job ends")
        ended = job(job_id)
        assert ended.state == "succeeded", ended.error
        assert ended.attempt == 2
        return ended

    return kill


@pytest.fixture
def upload(settings: RuntimeSettings, database: sqlalchemy.Engine) -> Callable[[bytes], UUID]:
    def store(content: bytes) -> UUID:
        file_id = uuid4()
        Storage(settings.storage_url).write(f"uploads/{file_id}", content)
        row = {"tenant": "default", "name": "rows.csv", "media_type": "text/csv", "sha256": "", "bytes": len(content)}
        with database.begin() as connection:
            connection.execute(files.insert().values(id=file_id, storage_key=f"uploads/{file_id}", **row))
        return file_id

    return store


def count(database: sqlalchemy.Engine, table: sqlalchemy.Table) -> int:
    with database.connect() as connection:
        return connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)).scalar_one()


def test_an_import_leaves_each_row_once(
    kill_during: Callable[..., JobView], upload: Callable[[bytes], UUID], database: sqlalchemy.Engine
) -> None:
    content = "number,name\n" + "".join(f"{number},row {number}\n" for number in range(200_000))
    file_id = upload(content.encode())
    kill_during(IMPORT_FILE.message(ImportFile(file_id=file_id, name="rows.csv")))
    assert count(database, datasets) == 1
    assert count(database, dataset_rows) == 200_000


def test_a_report_leaves_its_files_once(kill_during: Callable[..., JobView], database: sqlalchemy.Engine) -> None:
    columns = [{"name": f"column {number}", "type": "integer", "missing": 0} for number in range(12)]
    dataset_id = uuid4()
    about = {"tenant": "default", "file_id": uuid4(), "name": "numbers", "format": "csv", "encoding": "utf-8"}
    rows = [
        {"dataset_id": dataset_id, "number": number + 1, "cells": [str(number * column) for column in range(12)]}
        for number in range(5_000)
    ]
    with database.begin() as connection:
        connection.execute(datasets.insert().values(id=dataset_id, rows=len(rows), chunks=0, columns=columns, **about))
        connection.execute(dataset_rows.insert(), rows)
    ended = kill_during(REPORT.message(Report(dataset_id=dataset_id)))
    assert ended.result is not None
    assert count(database, files) == len(ended.result["files"]) == 2


def test_a_mail_is_taken_by_the_server_once(kill_during: Callable[..., JobView]) -> None:
    server = HangsOnce()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        kill_during(
            REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email="li@example.org")),
            when=lambda: server.hung,
            PENSTOCK_SMTP_HOST="127.0.0.1",
            PENSTOCK_SMTP_PORT=str(controller.port),
            PENSTOCK_PUBLIC_URL="http://127.0.0.1:8000",
        )
        assert server.taken == 1
    finally:
        controller.stop()


class HangsOnce:
    """An SMTP server that does not answer the first recipient until the connection is gone."""

    def __init__(self) -> None:
        self.hung = False
        self.taken = 0

    async def handle_RCPT(self, server: object, session: object, envelope: object, address: str, options: list) -> str:
        if not self.hung:
            self.hung = True
            await asyncio.Event().wait()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.taken += 1
        return "250 OK"


def test_user_actions_are_kept_once(kill_during: Callable[..., JobView], database: sqlalchemy.Engine) -> None:
    actions = [{"user_id": f"u{number}", "action": "opened", "at": "2026-01-01T00:00:00Z"} for number in range(1000)]
    # The job waits for this lock until the test lets it go.
    with database.connect() as holder:
        holder.execute(sqlalchemy.text("LOCK TABLE user_actions IN EXCLUSIVE MODE"))
        kill_during(USER_ACTIONS.message(UserActions.model_validate({"actions": actions})), then=holder.rollback)
    assert count(database, user_actions) == 1000
