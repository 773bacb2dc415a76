"""What is made of a cluster's objects, with objects as a cluster wrote them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock_cli.cluster.checks.controllers import of_controllers
from penstock_cli.cluster.checks.network import admitted, selects
from penstock_cli.cluster.rollout import parts
from penstock_cli.cluster.snapshot import Snapshot
from penstock_cli.cluster.watching import FORGOTTEN, Troubles
from penstock_runtime.findings import Finding, Level

NOTHING: dict[str, list[Any]] = {
    kind: []
    for kind in (
        "deployments",
        "statefulsets",
        "jobs",
        "pods",
        "claims",
        "scaled",
        "autoscalers",
        "policies",
        "events",
    )
}
KEDAS_SPACE = {"kubernetes.io/metadata.name": "keda"}
OPERATOR = {"metadata": {"labels": {"app": "keda-operator"}}, "status": {"podIP": "10.244.0.7"}}
REDIS = {"app.kubernetes.io/component": "redis"}


def seen(**objects: Any) -> Snapshot:
    return Snapshot("jobs", **(NOTHING | objects))


def policy(*peers: Any, selector: Any = None) -> dict[str, Any]:
    rule = {"from": list(peers)} if peers else {}
    return {"spec": {"podSelector": selector or {}, "policyTypes": ["Ingress"], "ingress": [rule]}}


@pytest.mark.parametrize(
    ("peer", "lets_in"),
    [
        ({"namespaceSelector": {"matchLabels": KEDAS_SPACE}}, True),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "keda-operator"}}}, True),
        ({"namespaceSelector": {"matchLabels": KEDAS_SPACE}, "podSelector": {"matchLabels": {"app": "other"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}, False),
        ({"podSelector": {"matchLabels": {"app": "keda-operator"}}}, False),  # of the policy's own namespace
        ({"ipBlock": {"cidr": "10.244.0.0/16"}}, True),
        ({"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.0.0/24"]}}, False),
        ({"ipBlock": {"cidr": "192.168.0.0/16"}}, False),
    ],
)
def test_a_peer_of_a_policy_lets_keda_in_or_not(peer: dict[str, Any], lets_in: bool) -> None:
    assert admitted([policy(peer)], REDIS, OPERATOR, KEDAS_SPACE) is lets_in


def test_without_a_policy_that_selects_the_server_everybody_is_let_in() -> None:
    others = policy({"podSelector": {}}, selector={"matchLabels": {"app.kubernetes.io/component": "api"}})
    assert admitted([others], REDIS, OPERATOR, KEDAS_SPACE)
    assert admitted([], REDIS, OPERATOR, KEDAS_SPACE)


def test_a_rule_without_peers_lets_everybody_in_and_no_rule_nobody() -> None:
    assert admitted([policy()], REDIS, OPERATOR, KEDAS_SPACE)
    shut = {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    assert not admitted([shut], REDIS, OPERATOR, KEDAS_SPACE)
    egress = {"spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": []}}
    assert admitted([egress], REDIS, OPERATOR, KEDAS_SPACE)


@pytest.mark.parametrize(
    ("operator", "values", "labels", "matches"),
    [
        ("In", ["a", "b"], {"x": "a"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {}, True),
        ("NotIn", ["a"], {"x": "a"}, False),
        ("Exists", None, {"x": ""}, True),
        ("DoesNotExist", None, {"x": ""}, False),
    ],
)
def test_expressions_of_a_selector(operator: str, values: Any, labels: dict[str, str], matches: bool) -> None:
    expression = {"key": "x", "operator": operator} | ({"values": values} if values else {})
    assert selects({"matchExpressions": [expression]}, labels) is matches


def deployment(**status: int) -> dict[str, Any]:
    return {"metadata": {"name": "api", "generation": 2}, "spec": {"replicas": 2}, "status": status}


@pytest.mark.parametrize(
    ("status", "done", "says"),
    [
        ({}, False, "0 of 2 ready"),
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, False, "2 of 2 ready"),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, True, "2 of 2 ready"),
        (
            {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 3},
            False,
            "1 of 2 ready, 2 of the version before",
        ),
    ],
)
def test_a_deployment_is_done_when_all_its_pods_are_of_the_latest_version(
    status: dict[str, int], done: bool, says: str
) -> None:
    (part,) = parts(seen(deployments=[deployment(**status)]))
    assert (part.done, part.says) == (done, says)


def test_a_volume_that_waits_for_its_first_pod_is_no_trouble() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {}, "status": {"phase": "Pending"}}
    assert list(of_controllers(None, seen(claims=[claim]))) == []  # type: ignore[arg-type]  # it is not asked


def finding(level: Level = Level.ERROR) -> Finding:
    return Finding("crash_loop", "pod a", "it ends", "mend it", level)


def test_a_trouble_stands_from_its_first_sight_on_though_it_comes_and_goes() -> None:
    troubles = Troubles()
    troubles.note([finding()], 100)
    troubles.note([], 100 + FORGOTTEN - 1)  # it runs for a moment
    troubles.note([finding()], 100 + FORGOTTEN)
    assert troubles.stand(100 + FORGOTTEN, FORGOTTEN)
    assert not troubles.stand(100 + FORGOTTEN, FORGOTTEN + 1)


def test_a_trouble_that_was_not_seen_for_a_while_is_over_and_a_warning_is_none() -> None:
    troubles = Troubles()
    troubles.note([finding()], 100)
    troubles.note([], 101 + FORGOTTEN)
    troubles.note([finding(Level.WARNING)], 102 + FORGOTTEN)
    assert not troubles.stand(1000, 0)


def test_events_of_one_object_are_found_by_their_reasons() -> None:
    now = datetime.now(UTC)
    events = [
        {
            "involvedObject": {"kind": kind, "name": name},
            "reason": reason,
            "lastTimestamp": (now - timedelta(1)).isoformat(),
        }
        for kind, name, reason in (("Pod", "a", "FailedMount"), ("Pod", "a", "Pulled"), ("Pod", "b", "FailedMount"))
    ]
    assert seen(events=events).events_of("Pod", ["a"], "FailedMount") == events[:1]


def job(name: str, at: str, *, failed: bool) -> dict[str, Any]:
    ended = [{"type": "Failed" if failed else "Complete", "status": "True"}]
    return {"metadata": {"name": name, "creationTimestamp": at}, "spec": {}, "status": {"conditions": ended}}


def test_a_migration_that_failed_before_one_that_did_not_is_history() -> None:
    jobs = [job("new", "2026-11-28T17:00:00Z", failed=False), job("old", "2026-11-28T16:00:00Z", failed=True)]
    assert list(of_controllers(None, seen(jobs=jobs))) == []  # type: ignore[arg-type]  # it is not asked
    assert [(part.name, part.done) for part in parts(seen(jobs=jobs))] == [("new", True)]
