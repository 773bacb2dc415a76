"""What the chart repeats of the code is what the code says."""

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from chart.rendering import CHART, ROOT, Rendered, environment
from pydantic_settings import BaseSettings

from penstock_api.settings import ApiSettings
from penstock_api.try_queues import TrySettings
from penstock_contracts.queues import BY_NAME, QUEUES, Queue
from penstock_runtime.broker import VISIBILITY_MARGIN
from penstock_runtime.first_key import FirstKeySettings
from penstock_runtime.settings import RuntimeSettings, environment_names
from penstock_worker_mail.settings import MailSettings

DECLARED: dict[str, Any] = yaml.safe_load((CHART / "files/queues.yaml").read_text(encoding="utf-8"))
WORKERS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["workers"]
SETTINGS: tuple[type[BaseSettings], ...] = (ApiSettings, MailSettings, FirstKeySettings, TrySettings)
NOT_OURS = {"CELERY_BROKER_URL", "PENSTOCK_REDIS_PASSWORD", "REMAP_SIGTERM", "REDISCLI_AUTH", "PGDATA"}

each_queue = pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)


def key_of(queue: Queue) -> str:
    return queue.service.removeprefix("worker-")


def test_the_chart_knows_the_queues_that_are_declared() -> None:
    assert {
        queue.name: {
            "service": queue.service,
            "pool": queue.pool.value,
            "timeLimit": queue.time_limit,
            "lists": {"normal": queue.list_names[0], "bulk": queue.list_names[1]},
            "unackedKey": queue.unacked_key,
        }
        for queue in QUEUES
    } == DECLARED


def test_there_is_a_worker_for_each_queue_under_its_services_name() -> None:
    assert {key: values["queue"] for key, values in WORKERS.items()} == {key_of(queue): queue.name for queue in QUEUES}


@each_queue
def test_a_worker_runs_its_queue_with_its_pool_in_its_own_image(queue: Queue, render: Callable[..., Rendered]) -> None:
    container = render().container("Deployment", f"penstock-{queue.service}")
    command = " ".join(container["command"])
    assert command.startswith(
        f"penstock-celery -A penstock_{queue.service.replace('-', '_')}.app worker -Q {queue.name} "
    )
    assert f" -P {queue.pool.value} -c {WORKERS[key_of(queue)]['concurrency']} " in command
    assert container["image"] == f"penstock/{queue.service}:0.1.0"


@each_queue
def test_a_worker_is_scaled_by_all_lists_and_the_hash_of_its_queue(
    queue: Queue, render: Callable[..., Rendered]
) -> None:
    spec = render().one("ScaledObject", f"penstock-{queue.service}")["spec"]
    counted = [trigger["metadata"]["listName"] for trigger in spec["triggers"]]
    assert counted == [*queue.list_names, queue.unacked_key]
    assert spec["advanced"]["scalingModifiers"]["formula"] == "normal + bulk + inflight"
    assert [trigger["name"] for trigger in spec["triggers"]] == ["normal", "bulk", "inflight"]


@each_queue
def test_a_worker_has_more_time_to_end_than_a_job_may_take(queue: Queue, render: Callable[..., Rendered]) -> None:
    pod = render().one("Deployment", f"penstock-{queue.service}")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == queue.time_limit + 60


def test_the_margin_of_the_visibility_timeout_is_the_runtimes(refusal: Callable[..., str]) -> None:
    worker = {"runtime": "celery", "image": {"repository": "shop"}, "app": "shop", "queue": "q", "pool": "solo"}
    short = worker | {"timeLimit": 10, "visibilityTimeout": 10 + VISIBILITY_MARGIN - 1}
    assert f"at least {10 + VISIBILITY_MARGIN}" in refusal({"workers": {"a": short}})


def test_the_versions_of_chart_and_suite_are_one() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]
    assert chart["description"] == project["description"]


EVERYTHING: dict[str, Any] = yaml.safe_load(
    (ROOT / "tests/chart/scenarios/production.yaml").read_text(encoding="utf-8")
)
SENTINEL = {
    "bundled": {"enabled": False},
    "username": "jobs",
    "existingSecret": "redis",
    "sentinel": {"master": "jobs", "addresses": ["s.example.com:26379"], "username": "s", "passwordKey": "sentinel"},
}


@pytest.mark.parametrize("values", [{}, EVERYTHING, {"redis": SENTINEL}], ids=["default", "production", "sentinel"])
def test_no_variable_is_set_that_no_setting_reads(values: dict[str, Any], render: Callable[..., Rendered]) -> None:
    """A mistyped name would be taken for nothing."""
    known = {
        name
        for kind in SETTINGS
        for field, info in kind.model_fields.items()
        for name in environment_names(field, info)
    }
    known |= {f"{name}_FILE" for name in known} | NOT_OURS
    found = render(values, "--api-versions", "gateway.networking.k8s.io/v1")
    for name, container in found.containers():
        unknown = {variable for variable in environment(container) if not variable.startswith("POSTGRES_")} - known
        assert unknown == set(), name


def test_what_the_chart_says_of_redis_and_postgresql_is_a_whole_setting(render: Callable[..., Rendered]) -> None:
    variables = environment(render().container("Deployment", "penstock-scheduler"))
    values = {name.removeprefix("PENSTOCK_").lower(): value for name, value in variables.items() if "_FILE" not in name}
    settings = RuntimeSettings.model_validate(values)
    assert settings.broker_url == "redis://penstock-redis.jobs.svc:6379/0"
    assert settings.database_url == "postgresql://penstock:@penstock-postgresql.jobs.svc:5432/penstock"


def test_every_worker_of_the_chart_takes_a_queue_that_is_declared() -> None:
    assert {values["queue"] for values in WORKERS.values()} <= set(BY_NAME)
