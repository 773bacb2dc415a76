"""`penstock queues` and `penstock jobs` with a real API."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from processes import eventually
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from penstock_cli.local.ports import free_port
from penstock_cli.main import app
from penstock_runtime.errors import PenstockError
from penstock_runtime.keys import create_key
from penstock_runtime.settings import RuntimeSettings

REPORT = '{"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}'

Penstock = Callable[..., Result]


@pytest.fixture
def api_url(settings: RuntimeSettings, tmp_path: Path) -> Iterator[str]:
    """gunicorn with the API, as users start it, on this test's own database."""
    port = free_port()
    environment = {
        "PENSTOCK_DATABASE_URL": settings.database_url,
        "CELERY_BROKER_URL": settings.broker_url,
        "PENSTOCK_STORAGE_URL": settings.storage_url,
        "PENSTOCK_API_PORT": str(port),
        "PENSTOCK_API_WORKERS": "1",
        "PENSTOCK_API_LISTENER_SECONDS": "1",  # so that whoever watches has to come back
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/healthz").is_success
        except httpx.TransportError:
            return False

    try:
        eventually(answers, "the API answers")
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def environment(api_url: str, database: Engine) -> dict[str, str]:
    """What a user sets."""
    with database.begin() as connection:
        _, key = create_key(connection, "default", "cli")
    return {"PENSTOCK_API_URL": api_url, "PENSTOCK_API_KEY": key}


@pytest.fixture
def penstock(environment: dict[str, str]) -> Penstock:
    return lambda *arguments: CliRunner().invoke(app, arguments, env=environment)


def change(database: Engine, assignments: str) -> None:
    with database.begin() as connection:
        connection.execute(text(f"UPDATE jobs SET {assignments}"))


def test_a_job_is_submitted_shown_listed_cancelled_and_started_over(penstock: Penstock, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(REPORT)
    job_id = penstock(
        "jobs", "submit", "generation.report", f"@{tmp_path}/report.json", "--key", "monday"
    ).output.strip()

    assert penstock("jobs", "submit", "generation.report", REPORT, "--key", "monday").output.strip() == job_id
    assert job_id in penstock("jobs", "show", job_id).output
    assert [job["id"] for job in json.loads(penstock("jobs", "list", "--json").output)] == [job_id]
    assert json.loads(penstock("jobs", "list", "--json", "--queue", "mail").output) == []
    assert json.loads(penstock("jobs", "cancel", job_id, "--json").output)["state"] == "cancelled"
    assert "cancelled" in penstock("jobs", "list", "--in", "cancelled").output
    assert json.loads(penstock("jobs", "retry", job_id, "--json").output)["state"] == "accepted"


def test_queues_are_shown_with_units(penstock: Penstock) -> None:
    shown = penstock("queues").output
    told = json.loads(penstock("queues", "--json").output)

    for words in ("ops_trace", "in flight", "done/min", "run (median)"):
        assert words in shown
    assert [queue["in_flight"] for queue in told] == [0, 0, 0, 0]


def test_watching_goes_on_after_the_stream_has_closed(
    penstock: Penstock, environment: dict[str, str], database: Engine, tmp_path: Path
) -> None:
    job_id = penstock("jobs", "submit", "generation.report", REPORT).output.strip()
    program = "from penstock_cli.main import main; main()"
    log = tmp_path / "watched"
    with log.open("wb") as file:
        watching = subprocess.Popen(
            [sys.executable, "-c", program, "jobs", "watch", job_id, "--json"],
            env=os.environ | environment,
            stdout=file,
        )
    try:
        for state in ("queued", "running", "succeeded"):  # each in a stream of its own, which lasts a second
            eventually(lambda: log.stat().st_size, "something is told")
            change(database, f"state = '{state}'")
            eventually(lambda state=state: f'"state": "{state}"' in log.read_text(), f"{state} is told")
        assert watching.wait(20) == 0
    finally:
        watching.kill()
        watching.wait()
    assert json.loads(log.read_text().splitlines()[-1])["state"] == "succeeded"


def test_watching_a_job_that_failed_ends_with_status_1_and_its_reason(penstock: Penstock, database: Engine) -> None:
    job_id = penstock("jobs", "submit", "generation.report", REPORT).output.strip()
    change(database, """state = 'failed', error = '{"code"\\: "rejected", "message"\\: "no such dataset"}'""")
    watched = penstock("jobs", "watch", job_id)

    assert watched.exit_code == 1
    assert "failed rejected: no such dataset" in watched.output


def test_a_problem_is_told_with_its_code_and_request_id(penstock: Penstock) -> None:
    refused: list[Any] = [penstock("jobs", "show", "never-issued"), penstock("jobs", "watch", "never-issued")]
    refused.append(penstock("jobs", "submit", "no.such_task", "{}"))

    for one in refused:
        assert isinstance(one.exception, PenstockError)
        assert ", request " in one.exception.message
    assert refused[0].exception.message.startswith("there is no such job (not_found, request ")


@pytest.mark.parametrize("payload", ["{", "@/no/such/file"])
def test_a_payload_that_cannot_be_read_is_told_before_anything_is_asked(payload: str) -> None:
    refused = CliRunner().invoke(app, ["jobs", "submit", "generation.report", payload], env={})
    assert refused.exit_code == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "PENSTOCK_API_URL: is not set"),
        ({"PENSTOCK_API_URL": "http://127.0.0.1:1"}, "PENSTOCK_API_KEY: is not set"),
        (
            {"PENSTOCK_API_URL": "http://127.0.0.1:1", "PENSTOCK_API_KEY": "pk_"},
            "the API at http://127.0.0.1:1 did not",
        ),
    ],
)
def test_what_is_missing_is_told(given: dict[str, str], words: str, tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["queues", "--state", str(tmp_path)], env=given)
    assert isinstance(refused.exception, PenstockError)
    assert refused.exception.message.startswith(words)
