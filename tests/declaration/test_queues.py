"""`queues.py` is the one declaration: the worker services, their tasks and their names follow it."""

import importlib
import re
from collections import Counter
from pathlib import Path

import pytest

from penstock_contracts.queues import QUEUES, Queue
from penstock_contracts.tasks import TASKS
from penstock_runtime.settings import RuntimeSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services"

queue = pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)


def package(queue: Queue) -> str:
    return "penstock_" + queue.service.replace("-", "_")


def test_each_queue_has_one_worker_service_and_each_worker_service_one_queue() -> None:
    folders = sorted(path.name for path in SERVICES.glob("worker-*"))
    assert sorted(queue.service for queue in QUEUES) == folders


@queue
def test_a_queues_service_is_complete(queue: Queue) -> None:
    source = f"src/{package(queue)}"
    expected = ["pyproject.toml", "README.md", f"{source}/app.py", f"{source}/tasks.py"]
    assert [name for name in expected if not (SERVICES / queue.service / name).is_file()] == []
    assert list((SERVICES / queue.service / "tests").glob("test_*.py"))


@pytest.fixture
def environment(settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker reads its settings from when it starts."""
    monkeypatch.setenv("CELERY_BROKER_URL", settings.broker_url)
    monkeypatch.setenv("PENSTOCK_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("PENSTOCK_STORAGE_URL", settings.storage_url)
    monkeypatch.setenv("PENSTOCK_SECRET_KEY", settings.secret_key.get_secret_value())
    monkeypatch.setenv("PENSTOCK_PUBLIC_URL", "https://jobs.example.com")


@queue
@pytest.mark.usefixtures("environment")
def test_a_worker_serves_the_tasks_of_its_queue_and_no_others(queue: Queue) -> None:
    served = importlib.import_module(f"{package(queue)}.tasks").served()
    assert {item.task.name for item in served} == {task.name for task in TASKS if task.queue is queue}


def test_the_single_worker_at_the_root_serves_every_queue() -> None:
    imported = re.findall(r"^from (penstock_worker_\w+) import tasks", (ROOT / "app.py").read_text(), re.MULTILINE)
    assert sorted(imported) == sorted(package(queue) for queue in QUEUES)


def test_a_tasks_name_is_its_queues_and_what_it_does() -> None:
    assert [task.name for task in TASKS if not re.fullmatch(rf"{task.queue.name}\.[a-z_]+", task.name)] == []


def test_no_two_tasks_have_one_name() -> None:
    assert [name for name, count in Counter(task.name for task in TASKS).items() if count > 1] == []
