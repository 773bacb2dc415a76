"""Celery clients that know nothing of the API send every served task by its name, and read its result."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import redis_users
import sqlalchemy
from celery import Celery
from celery.exceptions import TaskRevokedError
from payloads import PAYLOADS
from processes import Running

from penstock_contracts.dataset import IMPORT_FILE, SWEEP_STORAGE
from penstock_contracts.generation import REPORT
from penstock_contracts.mail import REGISTRATION_CONFIRMATION
from penstock_contracts.ops_trace import PRUNE, USER_ACTIONS, WEBHOOK
from penstock_contracts.queues import QUEUES
from penstock_contracts.task import Task
from penstock_contracts.tasks import STARTABLE, TASKS
from penstock_runtime.errors import Rejected
from penstock_runtime.ledger import JobView, read_job
from penstock_runtime.schema import files
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.storage import Storage

Start = Callable[..., Running]
README = Path(__file__).parents[2] / "charts" / "penstock" / "README.md"


@pytest.fixture
def uploaded(settings: RuntimeSettings, database: sqlalchemy.Engine) -> str:
    """A file as the API would have stored it."""
    content = "城市,人口\n北京,21893095\n上海,24870895\n".encode()
    file_id = uuid4()
    Storage(settings.storage_url).write(f"uploads/{file_id}", content)
    row = {"tenant": "default", "name": "cities.csv", "media_type": "text/csv", "sha256": "", "bytes": len(content)}
    with database.begin() as connection:
        connection.execute(files.insert().values(id=file_id, storage_key=f"uploads/{file_id}", **row))
    return str(file_id)


@pytest.fixture
def redis_results(redis_url: str) -> str:
    """Redis as a place for results, for a user with the rules that the chart's README names for them."""
    [named] = re.findall(r"redis\.bundled\.alsoAllow: (\[.*\])", README.read_text(encoding="utf-8"))
    rules = [*redis_users.commands("services"), "&*", *re.findall(r"[~+][^\s,\]\"]+", named)]
    with redis.Redis.from_url(redis_url) as admin:
        return redis_users.as_user(admin, redis_url, "results", *rules)


@pytest.fixture
def client(request: pytest.FixtureRequest, settings: RuntimeSettings, redis_results: str) -> Celery:
    """A stock Celery app: no routes, no options, only the two URLs."""
    results = {"redis": redis_results, "postgresql": settings.database_url}[request.param]
    app = Celery("foreign", broker=settings.broker_url, backend=results, set_as_current=False)
    yield app
    app.close()


def send(client: Celery, task: Task[Any, Any], **payload: Any) -> Any:
    return client.send_task(task.name, kwargs=payload, queue=task.queue.name)


@pytest.mark.parametrize("client", ["redis", "postgresql"], indirect=True)
def test_every_served_task_is_sent_and_its_result_read(
    client: Celery, worker: Start, uploaded: str, smtp_server: dict[str, str], job: Callable[[str], JobView], database
) -> None:
    results = {"CELERY_RESULT_BACKEND": client.conf.result_backend, **smtp_server}
    for queue in QUEUES:
        worker(queue.name, **results)
    served = {}

    imported = send(client, IMPORT_FILE, file_id=uploaded, name="cities.csv")
    served[IMPORT_FILE.name] = imported.get(timeout=30)
    assert served[IMPORT_FILE.name]["rows"] == 2

    dataset_id = served[IMPORT_FILE.name]["dataset_id"]
    served[REPORT.name] = send(client, REPORT, dataset_id=dataset_id, locale="zh").get(timeout=60)
    assert {file["media_type"] for file in served[REPORT.name]["files"]} >= {"application/pdf"}

    served[REGISTRATION_CONFIRMATION.name] = send(client, REGISTRATION_CONFIRMATION, email="li@example.org").get(
        timeout=30
    )
    assert served[REGISTRATION_CONFIRMATION.name]["message_id"]

    action = {"user_id": "u", "action": "opened", "at": "2026-01-01T00:00:00Z"}
    served[USER_ACTIONS.name] = send(client, USER_ACTIONS, actions=[action]).get(timeout=30)
    served[PRUNE.name] = send(client, PRUNE, days=1).get(timeout=30)
    served[SWEEP_STORAGE.name] = send(client, SWEEP_STORAGE, days=1).get(timeout=30)

    told = send(client, WEBHOOK, job_id=imported.id, url="http://127.0.0.1:9/")
    with pytest.raises(Rejected, match=r"127\.0\.0\.1"):
        told.get(timeout=30)
    served[WEBHOOK.name] = told.state

    for task in STARTABLE:
        if task.name not in served:
            served[task.name] = send(client, task, **PAYLOADS[task.name]).get(timeout=30)
    assert set(served) == {task.name for task in TASKS}
    assert job(imported.id).tenant == "default"
    with database.connect() as connection:
        assert read_job(connection, imported.id, tenant="another") is None


@pytest.mark.parametrize("client", ["redis", "postgresql"], indirect=True)
def test_a_client_learns_why_its_task_failed(client: Celery, worker: Start) -> None:
    worker("ops_trace", CELERY_RESULT_BACKEND=client.conf.result_backend)
    with pytest.raises(Rejected, match="days: Input should be greater than or equal to 1"):
        send(client, PRUNE, days=0).get(timeout=30)
    with pytest.raises(Rejected, match="positional arguments"):
        client.send_task(PRUNE.name, args=[3], queue="ops_trace").get(timeout=30)


@pytest.mark.parametrize("client", ["postgresql"], indirect=True)
def test_a_revoked_task_is_cancelled(client: Celery, worker: Start, redis_url: str) -> None:
    sent = client.send_task(PRUNE.name, kwargs={"days": 3}, queue="ops_trace", expires=-1)
    worker("ops_trace")
    with pytest.raises(TaskRevokedError):
        sent.get(timeout=30)
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.llen("ops_trace") == 0
