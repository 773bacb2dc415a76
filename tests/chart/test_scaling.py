"""What KEDA is told, and what a worker of another application is given so that it holds."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery
from celery.bin.worker import worker as worker_command
from chart.rendering import Rendered, Values, environment

from penstock_contracts.queues import QUEUES

Render = Callable[..., Rendered]

OWN_REDIS: Values = {"bundled": {"enabled": False}, "host": "redis.example.com", "existingSecret": "redis"}
ORDERS: Values = {
    "runtime": "celery",
    "image": {"repository": "shop", "tag": "1"},
    "app": "shop",
    "queue": "orders",
    "pool": "prefork",
    "concurrency": 4,
    "timeLimit": 300,
}


def with_orders(**values: Any) -> Values:
    return {"workers": {"orders": ORDERS | values}}


def triggers(found: Rendered, worker: str = "mail") -> list[dict[str, Any]]:
    return list(found.one("ScaledObject", f"penstock-worker-{worker}")["spec"]["triggers"])


def test_nothing_names_a_number_of_pods_where_keda_does(render: Render) -> None:
    for name in render().names("ScaledObject"):
        assert "replicas" not in render().one("Deployment", name)["spec"]


def test_without_keda_the_values_do(render: Render) -> None:
    found = render({"autoscaling": {"enabled": False}, "workers": {"mail": {"replicas": 4}}}, apis=())
    assert found.one("Deployment", "penstock-worker-mail")["spec"]["replicas"] == 4
    assert found.one("Deployment", "penstock-worker-dataset")["spec"]["replicas"] == 1
    assert found.names("ScaledObject") == found.names("TriggerAuthentication") == []


def test_one_worker_alone_may_do_without_keda(render: Render) -> None:
    found = render({"workers": {"mail": {"autoscaling": {"enabled": False}}}})
    assert found.one("Deployment", "penstock-worker-mail")["spec"]["replicas"] == 1
    assert "penstock-worker-mail" not in found.names("ScaledObject")
    assert len(found.names("ScaledObject")) == len(QUEUES) - 1


def test_a_worker_has_as_many_jobs_to_a_pod_as_it_runs_at_once_unless_told_otherwise(render: Render) -> None:
    values = {"workers": {"dataset": {"concurrency": 7}, "mail": {"autoscaling": {"target": 20}}}}
    found = render(values)
    assert found.one("ScaledObject", "penstock-worker-dataset")["spec"]["advanced"]["scalingModifiers"]["target"] == "7"
    assert found.one("ScaledObject", "penstock-worker-mail")["spec"]["advanced"]["scalingModifiers"]["target"] == "20"


def test_what_keda_must_have_is_always_said(render: Render) -> None:
    for name in (found := render()).names("ScaledObject"):
        spec = found.one("ScaledObject", name)["spec"]
        assert spec["fallback"] == {"failureThreshold": 3, "replicas": 1, "behavior": "currentReplicasIfHigher"}
        assert spec["advanced"]["scalingModifiers"]["activationTarget"] == "0"
        assert min(spec["cooldownPeriod"], spec["initialCooldownPeriod"]) >= 60
        assert spec["cooldownPeriod"] >= 300, "an outage of Redis would take busy workers away: ADR 19"
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] >= 60


def test_keda_looks_where_the_workers_look(render: Render) -> None:
    redis = OWN_REDIS | {"port": 6380, "database": 7, "username": "jobs", "tls": {"enabled": True, "caKey": "ca.crt"}}
    found = render({"redis": redis})
    variables = environment(found.container("Deployment", "penstock-worker-mail"))
    for trigger in triggers(found):
        told = trigger["metadata"]
        assert told["address"] == f"{variables['PENSTOCK_REDIS_HOST']}:{variables['PENSTOCK_REDIS_PORT']}"
        assert told["databaseIndex"] == variables["PENSTOCK_REDIS_DATABASE"] == "7"
        assert told["username"] == variables["PENSTOCK_REDIS_USERNAME"] == "jobs"
        assert told["enableTLS"] == variables["PENSTOCK_REDIS_TLS"] == "true"
    secrets = found.one("TriggerAuthentication", "penstock-redis")["spec"]["secretTargetRef"]
    assert {one["parameter"]: (one["name"], one["key"]) for one in secrets} == {
        "password": ("redis", "password"),
        "ca": ("redis", "ca.crt"),
    }


def test_behind_sentinels_keda_asks_them_too(render: Render) -> None:
    addresses = ["a.example.com:26379", "b.example.com:26379"]
    sentinel = {"master": "jobs", "addresses": addresses, "username": "s", "passwordKey": "sentinel"}
    found = render({"redis": {"bundled": {"enabled": False}, "existingSecret": "redis", "sentinel": sentinel}})
    for trigger in triggers(found):
        assert trigger["type"] == "redis-sentinel"
        told = trigger["metadata"]
        assert told["addresses"] == ",".join(addresses)
        assert (told["sentinelMaster"], told["sentinelUsername"]) == ("jobs", "s")
    secrets = found.one("TriggerAuthentication", "penstock-redis")["spec"]["secretTargetRef"]
    assert {one["parameter"] for one in secrets} == {"password", "sentinelPassword"}


def test_a_redis_without_password_needs_no_authentication(render: Render) -> None:
    found = render({"redis": {"bundled": {"enabled": False}, "host": "redis.example.com"}})
    assert found.names("TriggerAuthentication") == []
    assert "authenticationRef" not in triggers(found)[0]


def configured(command: list[str]) -> Celery:
    """A stock application after it has read a worker's command line as `celery` does."""
    app = Celery("shop", broker="redis://127.0.0.1:1/0")
    options, _, configuration = (command[: command.index("--")], "", command[command.index("--") + 1 :])
    context = worker_command.make_context("worker", options[options.index("worker") + 1 :], resilient_parsing=True)
    assert context.params["queues"] == ["orders"]
    assert (context.params["concurrency"], context.params["time_limit"]) == (4, 300.0)
    app.config_from_cmdline(configuration, namespace="worker")
    return app


def test_the_command_of_a_foreign_worker_is_understood_by_a_stock_celery(render: Render) -> None:
    found = render(with_orders(priorities=[0, 5]))
    app = configured(found.container("Deployment", "penstock-worker-orders")["command"])
    assert app.conf.task_acks_late is True
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_transport_options == {
        "sep": ":",
        "priority_steps": [0, 5],
        "queue_order_strategy": "priority",
        "visibility_timeout": 420,
        "unacked_key": "unacked:orders",
        "unacked_index_key": "unacked:orders_index",
        "unacked_mutex_key": "unacked:orders_mutex",
    }


def test_a_stock_transport_so_configured_uses_the_keys_that_keda_counts(render: Render, redis_url: str) -> None:
    found = render(with_orders(priorities=[0, 3, 5]))
    app = configured(found.container("Deployment", "penstock-worker-orders")["command"])
    with app.connection_for_write(redis_url) as connection:
        channel = connection.default_channel
        lists = [channel._q_for_pri("orders", step) for step in (0, 3, 5)]
        assert {one["metadata"]["listName"] for one in triggers(found, "orders")} == {*lists, channel.unacked_key}


def test_a_foreign_worker_gets_the_broker_and_nothing_of_the_suites(render: Render) -> None:
    found = render(with_orders(extraEnv=[{"name": "SHOP", "value": "1"}]))
    variables = environment(found.container("Deployment", "penstock-worker-orders"))
    assert variables.keys() == {"PENSTOCK_REDIS_PASSWORD", "CELERY_BROKER_URL", "SHOP"}
    assert variables["CELERY_BROKER_URL"] == "redis://:$(PENSTOCK_REDIS_PASSWORD)@penstock-redis.jobs.svc:6379/0"


def test_a_foreign_worker_is_given_the_authority_of_its_redis(render: Render) -> None:
    redis = OWN_REDIS | {"username": "jobs", "tls": {"enabled": True, "caKey": "ca.crt"}}
    container = render({"redis": redis} | with_orders()).container("Deployment", "penstock-worker-orders")
    url = environment(container)["CELERY_BROKER_URL"]
    assert url.startswith("rediss://jobs:$(PENSTOCK_REDIS_PASSWORD)@redis.example.com:6379/0?ssl_cert_reqs=required&")
    assert url.endswith("ssl_ca_certs=/run/secrets/penstock/redis-ca.crt")
    assert {"name": "secrets", "mountPath": "/run/secrets/penstock", "readOnly": True} in container["volumeMounts"]


def test_without_the_suite_only_what_foreign_workers_need_is_installed(render: Render) -> None:
    found = render({"suite": {"enabled": False}} | with_orders())
    assert found.names("Deployment") == ["penstock-worker-orders"]
    assert found.names("StatefulSet") == ["penstock-redis"]
    assert found.names("Secret") == ["penstock-redis"]
    assert [one for kind in ("Job", "Pod", "PersistentVolumeClaim", "Service") for one in found.names(kind)] == [
        "penstock-redis"
    ]


@pytest.mark.parametrize("giving_back", [0, 90])
def test_a_worker_ends_its_jobs_or_gives_them_back(giving_back: int, render: Render) -> None:
    found = render({"workers": {"dataset": {"giveBackAfter": giving_back}}})
    pod = found.one("Deployment", "penstock-worker-dataset")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    remapped = environment(container).get("REMAP_SIGTERM")
    assert (remapped, pod["terminationGracePeriodSeconds"]) == (("SIGQUIT", 120) if giving_back else (None, 3660))
    assert ("worker.soft_shutdown_timeout=90" in container["command"]) == bool(giving_back)


def test_the_test_of_a_release_counts_what_keda_counts(render: Render) -> None:
    found = render()
    (container,) = found.one("Pod", "penstock-try-queues")["spec"]["containers"]
    told = {
        one["queue"]: {*one["lists"], one["inFlight"]}
        for one in json.loads(environment(container)["PENSTOCK_TRY_QUEUES"])
    }
    assert told == {
        queue.name: {one["metadata"]["listName"] for one in triggers(found, queue.service.removeprefix("worker-"))}
        for queue in QUEUES
    }
