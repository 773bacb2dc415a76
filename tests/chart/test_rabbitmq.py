"""RabbitMQ as the broker: what the processes and KEDA are told, which doors are open, and that Redis is not there."""

from collections.abc import Callable

import pytest
from chart.rendering import Object, Rendered, Values, environment

from penstock_contracts.queues import QUEUES, Queue

Render = Callable[..., Rendered]

BUNDLED: Values = {"broker": "rabbitmq"}
OWN: Values = {
    "broker": "rabbitmq",
    "rabbitmq": {
        "bundled": {"enabled": False},
        "host": "rabbitmq.example.com",
        "port": 5671,
        "managementPort": 15671,
        "vhost": "jobs",
        "existingSecret": "rabbitmq",
        "tls": {"enabled": True, "caKey": "ca.crt"},
    },
}

each_queue = pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)


def policy(found: Rendered, name: str) -> Object:
    return dict(found.one("NetworkPolicy", name)["spec"])


def test_there_is_one_broker(render: Render) -> None:
    found = render(BUNDLED)
    assert "penstock-rabbitmq" in found.names("StatefulSet")
    for kind in ("StatefulSet", "Service", "Secret", "NetworkPolicy", "TriggerAuthentication"):
        assert "penstock-redis" not in found.names(kind)
    assert "penstock-rabbitmq" not in [name for kind in ("StatefulSet", "Secret") for name in render().names(kind)]


@each_queue
def test_a_worker_is_scaled_by_what_waits_and_what_is_unacknowledged(queue: Queue, render: Render) -> None:
    spec = render(BUNDLED).one("ScaledObject", f"penstock-{queue.service}")["spec"]
    (trigger,) = spec["triggers"]
    assert (trigger["type"], trigger["name"]) == ("rabbitmq", spec["advanced"]["scalingModifiers"]["formula"])
    told = trigger["metadata"]
    assert told["queueName"] == queue.name
    assert (told["protocol"], told["mode"], told["excludeUnacknowledged"]) == ("http", "QueueLength", "false")


def test_keda_looks_where_the_workers_look(render: Render) -> None:
    found = render(OWN)
    variables = environment(found.container("Deployment", "penstock-worker-mail"))
    (trigger,) = found.one("ScaledObject", "penstock-worker-mail")["spec"]["triggers"]
    assert trigger["metadata"]["host"] == f"https://{variables['PENSTOCK_RABBITMQ_HOST']}:15671/"
    assert trigger["metadata"]["vhostName"] == variables["PENSTOCK_RABBITMQ_VHOST"] == "jobs"
    assert (variables["PENSTOCK_RABBITMQ_PORT"], variables["PENSTOCK_RABBITMQ_TLS"]) == ("5671", "true")
    secrets = found.one("TriggerAuthentication", "penstock-rabbitmq")["spec"]["secretTargetRef"]
    assert {one["parameter"]: (one["name"], one["key"]) for one in secrets} == {
        "username": ("rabbitmq", "username"),
        "password": ("rabbitmq", "password"),
        "ca": ("rabbitmq", "ca.crt"),
        "tls": ("rabbitmq", "tls"),
    }


def test_no_process_is_told_of_redis(render: Render) -> None:
    for values in (BUNDLED, OWN):
        found = render(values)
        for name in found.names("Deployment"):
            (container,) = found.one("Deployment", name)["spec"]["template"]["spec"]["containers"]
            variables = environment(container)
            assert not [one for one in variables if "REDIS" in one]
            assert variables["PENSTOCK_RABBITMQ_PASSWORD_FILE"] == "/run/secrets/penstock/rabbitmq-password"


def test_a_message_may_be_held_for_longer_than_the_longest_job_takes(render: Render) -> None:
    (text,) = render(BUNDLED).one("ConfigMap", "penstock-rabbitmq")["data"].values()
    lines = dict(line.split(" = ") for line in text.splitlines() if not line.startswith("#"))
    assert int(lines["consumer_timeout"]) > max(queue.time_limit for queue in QUEUES) * 1000


def test_workers_reach_it_at_its_port_and_keda_and_the_test_its_management(render: Render) -> None:
    found = render(BUNDLED)
    messages, management = policy(found, "penstock-rabbitmq")["ingress"]
    assert [port["port"] for port in messages["ports"]] == ["amqp"]
    assert {"podSelector": {"matchLabels": {"penstock.io/rabbitmq-client": "penstock"}}} in messages["from"]
    assert [port["port"] for port in management["ports"]] == ["management"]
    assert any("namespaceSelector" in peer for peer in management["from"])
    ports = [port["port"] for rule in policy(found, "penstock-test")["egress"] for port in rule["ports"]]
    assert ports == ["http", "management"]
    (shut,) = policy(found, "penstock")["podSelector"]["matchExpressions"]
    assert shut["values"] == ["rabbitmq", "postgresql"]


def test_one_elsewhere_is_reached_at_its_ports_or_at_the_addresses_given(render: Render) -> None:
    address = {"ipBlock": {"cidr": "192.0.2.1/32"}}
    found = render(OWN | {"networkPolicy": {"rabbitmqTo": [address]}})
    assert {"ports": [{"port": 5671}], "to": [address]} in policy(found, "penstock")["egress"]
    assert {"ports": [{"port": 15671}], "to": [address]} in policy(found, "penstock-test")["egress"]


def test_without_keda_nothing_is_told_to_it(render: Render) -> None:
    found = render(BUNDLED | {"autoscaling": {"enabled": False}}, apis=())
    assert found.names("TriggerAuthentication") == []
    _, management = policy(found, "penstock-rabbitmq")["ingress"]
    assert [peer for peer in management["from"] if "namespaceSelector" in peer] == []
