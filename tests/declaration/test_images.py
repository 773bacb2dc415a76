"""The Dockerfile has a stage for each service, which starts it as the declaration and the chart's values say."""

import json
import re
from pathlib import Path

import pytest
import yaml

from penstock_contracts.queues import QUEUES, Queue

ROOT = Path(__file__).resolve().parents[2]
STAGES = dict(re.findall(r"^FROM pod AS (\S+)\n((?:.+\n)+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M))
VALUES = yaml.safe_load((ROOT / "charts/penstock/values.yaml").read_text(encoding="utf-8"))


def command(service: str) -> list[str]:
    """What the image of a service runs when nothing else is said; without a shell."""
    parts = dict(re.findall(r"^(ENTRYPOINT|CMD) (\[.*\])$", STAGES[service], re.MULTILINE))
    return [*json.loads(parts["ENTRYPOINT"]), *json.loads(parts.get("CMD", "[]"))]


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_each_service_has_a_stage_and_each_stage_a_service() -> None:
    assert sorted(STAGES) == sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_a_workers_image_starts_the_pool_of_its_queue_with_the_charts_concurrency(queue: Queue) -> None:
    words = command(queue.service)
    [worker] = [worker for worker in VALUES["workers"].values() if worker["queue"] == queue.name]
    assert words[0] == "penstock-celery"  # it is the first process, and the only one that a pod's end is told to
    assert after(words, "-A") == f"penstock_{queue.service.replace('-', '_')}.app"
    assert after(words, "-Q") == queue.name
    assert after(words, "-P") == queue.pool
    assert after(words, "-c") == str(worker["concurrency"])
