"""Which doors the NetworkPolicies leave open. That they hold is tried on a cluster, by tests/cluster."""

from collections.abc import Callable
from typing import Any

from chart.rendering import Object, Rendered, Values

Render = Callable[..., Rendered]

OWN: Values = {
    "redis": {"bundled": {"enabled": False}, "host": "redis.example.com", "port": 6380},
    "postgresql": {"bundled": {"enabled": False}, "host": "postgres.example.com"},
}


def ports(rules: list[Object]) -> set[Any]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def policy(found: Rendered, name: str) -> Object:
    return dict(found.one("NetworkPolicy", name)["spec"])


def selected(found: Rendered, name: str) -> Callable[[Object], bool]:
    """Whether a policy is about pods with these labels."""
    selector = policy(found, name)["podSelector"]

    def is_selected(labels: Object) -> bool:
        wanted = selector["matchLabels"].items() <= labels.items()
        return wanted and all(labels[one["key"]] not in one["values"] for one in selector.get("matchExpressions", []))

    return is_selected


def labels_of_pods(found: Rendered) -> dict[str, Object]:
    templates = [one for one in found.objects if "template" in one.get("spec", {})]
    return {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in templates}


def test_every_pod_is_shut_in_both_directions_before_anything_is_opened(render: Render) -> None:
    found = render()
    shut = [
        name for name in found.names("NetworkPolicy") if policy(found, name)["policyTypes"] == ["Ingress", "Egress"]
    ]
    for pod, labels in labels_of_pods(found).items():
        assert any(selected(found, name)(labels) for name in shut), pod


def test_workers_are_reached_by_nobody_and_reach_names_redis_and_postgresql(render: Render) -> None:
    found = render()
    labels = labels_of_pods(found)["penstock-worker-dataset"]
    about = [policy(found, name) for name in found.names("NetworkPolicy") if selected(found, name)(labels)]
    assert [rule for one in about for rule in one.get("ingress", [])] == []
    assert ports([rule for one in about for rule in one.get("egress", [])]) == {53, "redis", "postgresql"}


def test_redis_and_postgresql_reach_nobody(render: Render) -> None:
    found = render()
    for name in ("penstock-redis", "penstock-postgresql"):
        assert "egress" not in policy(found, name)


def test_keda_and_foreign_pods_with_the_label_are_let_in_to_redis_alone(render: Render) -> None:
    found = render({"networkPolicy": {"kedaNamespace": "autoscaling", "kedaPodLabels": {"app": "mine"}}})
    (rule,) = policy(found, "penstock-redis")["ingress"]
    assert {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "autoscaling"}},
        "podSelector": {"matchLabels": {"app": "mine"}},
    } in rule["from"]
    assert {"podSelector": {"matchLabels": {"penstock.io/redis-client": "penstock"}}} in rule["from"]
    (rule,) = policy(found, "penstock-postgresql")["ingress"]
    assert len(rule["from"]) == 1


def test_where_no_worker_is_scaled_by_keda_it_is_not_let_in(render: Render) -> None:
    found = render({"autoscaling": {"enabled": False}}, apis=())
    (rule,) = policy(found, "penstock-redis")["ingress"]
    assert [peer for peer in rule["from"] if "namespaceSelector" in peer] == []


def test_the_api_is_open_to_all_or_to_those_who_are_named_and_the_test(render: Render) -> None:
    assert "from" not in policy(render(), "penstock-api")["ingress"][0]
    gateway = {"namespaceSelector": {"matchLabels": {"name": "gateway"}}}
    (rule,) = policy(render({"networkPolicy": {"apiFrom": [gateway]}}), "penstock-api")["ingress"]
    assert rule["from"][0] == gateway
    assert rule["from"][1]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "test"


def test_servers_elsewhere_are_reached_at_their_ports_or_at_the_addresses_given(render: Render) -> None:
    assert ports(policy(render(OWN), "penstock")["egress"]) == {53, 6380, 5432}
    address = {"ipBlock": {"cidr": "192.0.2.1/32"}}
    found = render(OWN | {"networkPolicy": {"redisTo": [address]}})
    (rule,) = [rule for rule in policy(found, "penstock")["egress"] if ports([rule]) == {6380}]
    assert rule["to"] == [address]


def test_mail_goes_out_at_the_mail_servers_port_and_webhooks_to_public_addresses(render: Render) -> None:
    found = render({"smtp": {"host": "smtp.example.com", "port": 587}})
    assert ports(policy(found, "penstock-worker-mail")["egress"]) == {587}
    (rule,) = policy(found, "penstock-worker-opstrace")["egress"]
    assert "10.0.0.0/8" in rule["to"][0]["ipBlock"]["except"]


def test_an_object_storage_is_reached_by_those_who_use_it(render: Render) -> None:
    found = render({"storage": {"url": "s3://files"}})
    assert ports(policy(found, "penstock-storage")["egress"]) == {443}
    assert ports(policy(found, "penstock-worker-dataset")["egress"]) == {443}
    assert 443 not in ports(policy(found, "penstock-worker-mail")["egress"])


def test_without_network_policies_there_are_none(render: Render) -> None:
    assert render({"networkPolicy": {"enabled": False}}).names("NetworkPolicy") == []
