"""examples/flask-celery/values.yaml: a worker for each queue of somebody's one worker, with their image and command."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from chart.kubernetes_schemas import NEWEST, OTHERS, faults
from chart.rendering import ROOT, Rendered, environment

EXAMPLE = ROOT / "examples/flask-celery"
VALUES: dict[str, Any] = yaml.safe_load((EXAMPLE / "values.yaml").read_text(encoding="utf-8"))
WORKERS = VALUES["workers"]
NAMED = ("CELERY_BROKER_URL", "PUBLIC_URL", "SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "MAIL_FROM")

each_worker = pytest.mark.parametrize("key", WORKERS)


@pytest.fixture(scope="module")
def found(render: Callable[..., Rendered]) -> Rendered:
    return render(VALUES, release="shop")


def test_there_is_a_worker_for_each_queue_of_the_old_command_and_nothing_of_the_suite(found: Rendered) -> None:
    assert f" -Q {','.join(worker['queue'] for worker in WORKERS.values())}\n" in (EXAMPLE / "README.md").read_text()
    assert sorted(found.names("Deployment")) == sorted(f"shop-penstock-worker-{key}" for key in WORKERS)


@each_worker
def test_a_worker_runs_its_command_in_their_image_with_what_their_settings_read(key: str, found: Rendered) -> None:
    worker, container = WORKERS[key], found.container("Deployment", f"shop-penstock-worker-{key}")
    assert container["image"] == "registry.example.com/shop:1"
    assert container["command"] == worker["command"]
    assert container["command"][container["command"].index("-c") + 1] == str(worker["concurrency"])
    settings = (EXAMPLE / "config.py").read_text(encoding="utf-8")
    assert [name for name in NAMED if name not in environment(container) or f'"{name}"' not in settings] == []
    assert container["envFrom"] == VALUES["extraEnvFrom"]


@each_worker
def test_a_worker_is_scaled_by_what_waits_and_by_what_its_transport_keeps_in_flight(key: str, found: Rendered) -> None:
    queue = WORKERS[key]["queue"]
    triggers = found.one("ScaledObject", f"shop-penstock-worker-{key}")["spec"]["triggers"]
    assert [trigger["metadata"]["listName"] for trigger in triggers] == [queue, f"unacked:{queue}"]


def test_kubernetes_takes_what_is_rendered(found: Rendered) -> None:
    assert [fault for one in found.objects if one["kind"] not in OTHERS for fault in faults(one, NEWEST)] == []
