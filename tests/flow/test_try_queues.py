"""What `helm test` runs, against an API, workers and a relay as a release has them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from processes import Running

from penstock_api.try_queues import Failed, TrySettings, attempt
from penstock_cli.local.ports import free_port
from penstock_contracts.queues import BY_NAME
from penstock_runtime.keys import create_key
from penstock_runtime.ledger.pauses import pause
from penstock_runtime.settings import RuntimeSettings, load


@pytest.fixture
def api(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of an API with the test's own settings."""
    port, log = free_port(), tmp_path / "api.log"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
    more = {"PENSTOCK_API_PORT": str(port), "PENSTOCK_API_WORKERS": "1"}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment | more, stdout=output, stderr=output) as one,
    ):
        yield f"http://127.0.0.1:{port}"
        one.terminate()


@pytest.fixture
def settings_of_test(api: str, settings: RuntimeSettings, database: sqlalchemy.Engine) -> Callable[..., TrySettings]:
    """As the chart gives them: `settings_of_test("mail", "ops_trace")`."""
    with database.begin() as connection:
        _, secret = create_key(connection, "default", "a test")

    def make(*queues: str, **named: Any) -> TrySettings:
        counted = [
            {"queue": name, "lists": BY_NAME[name].list_names, "inFlight": BY_NAME[name].unacked_key} for name in queues
        ]
        given = {"CELERY_BROKER_URL": settings.broker_url, "try_queues": counted, "try_timeout": 60, "api_key": secret}
        return load(TrySettings, PENSTOCK_DATABASE_URL=settings.database_url, **{"try_api": api} | given | named)

    return make


def test_a_job_goes_through_each_queue_and_none_of_them_sends_a_mail(
    settings_of_test: Callable[..., TrySettings],
    worker: Callable[..., Running],
    scheduler: Callable[..., Running],
) -> None:
    for queue in ("dataset", "mail"):
        worker(queue)
    scheduler()
    lines = "\n".join(attempt(settings_of_test("dataset", "mail")))
    assert "import a CSV of two rows" in lines
    assert "failed (invalid_address)" in lines
    assert lines.count("succeeded") == 1
    assert lines.count("KEDA's count and the API's agree") == 2


def test_what_is_not_as_it_must_be_is_named(
    settings_of_test: Callable[..., TrySettings], scheduler: Callable[..., Running], settings: RuntimeSettings
) -> None:
    """Where no worker takes anything, and the relay runs."""
    scheduler()
    elsewhere = settings.broker_url.rpartition("/")[0] + "/9"
    wrong = [{"queue": "ops_trace", "lists": ["ops_trace:4"], "inFlight": "unacked:ops_trace"}]
    with pytest.raises(Failed, match=r"ops_trace +keep a user action +did not end"):
        attempt(settings_of_test("ops_trace", try_timeout=2))
    with pytest.raises(Failed, match="KEDA counts 0 in ops_trace:4, unacked:ops_trace, and the API 2"):
        attempt(settings_of_test(try_queues=wrong))
    with pytest.raises(Failed, match="KEDA counts 0 in ops_trace"):
        attempt(settings_of_test("ops_trace", CELERY_BROKER_URL=elsewhere))
    with pytest.raises(Failed, match="the relay does not write into the Redis that KEDA is told of"):
        attempt(settings_of_test(CELERY_BROKER_URL=elsewhere, try_timeout=1))
    with pytest.raises(Failed, match="401"):
        attempt(settings_of_test("ops_trace", api_key="pk_no"))


def test_a_paused_queue_is_named_and_nothing_is_tried(
    settings_of_test: Callable[..., TrySettings], database: sqlalchemy.Engine
) -> None:
    with database.begin() as connection:
        pause(connection, "mail", None)
    with pytest.raises(Failed, match=r"nothing was tried, for there are paused queues: mail since \d"):
        attempt(settings_of_test("ops_trace", "mail"))
    with database.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 0


def test_the_process_reads_what_the_chart_writes_and_says_why_it_failed(environment: dict[str, str]) -> None:
    queues = json.dumps([{"queue": "mail", "lists": ["mail"], "inFlight": "unacked:mail"}])
    more = {"PENSTOCK_TRY_QUEUES": queues, "PENSTOCK_TRY_API": "http://127.0.0.1:1", "PENSTOCK_TRY_TIMEOUT": "1"}
    command = [sys.executable, "-m", "penstock_api.try_queues"]
    done = subprocess.run(command, env=environment | more, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("penstock: /readyz: http://127.0.0.1:1 does not answer")
