"""What `penstock` says where KEDA is not there, or does not run, or a node takes no pod. It changes the whole cluster,
so it runs alone: `make test-cluster SLOW=1`.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster.command import deploy, doctor
from cluster.namespace import Namespace, kubectl
from cluster.release import Release
from cluster.suite import soon
from cluster.values import for_tests

pytestmark = [pytest.mark.alone, pytest.mark.slow]

CRD = "customresourcedefinition/scaledobjects.keda.sh"
OPERATOR, METRICS = "deployment/keda-operator", "deployment/keda-metrics-apiserver"
UNSUCCESSFUL = 3


@pytest.fixture(scope="module")
def namespace(new_namespace: Callable[..., Namespace]) -> Namespace:
    """With the objects of a release, whose pods need not be ready."""
    namespace = new_namespace("keda-away")
    Release(namespace).install(for_tests(), wait="")
    return namespace


@pytest.fixture
def keda() -> Iterator[str]:
    """KEDA's namespace. Whatever was done to it, it runs again afterwards."""
    (operator,) = json.loads(kubectl("get", "deployments", "-A", "-l", "app=keda-operator", "-o", "json"))["items"]
    where = operator["metadata"]["namespace"]
    yield where
    for part in (OPERATOR, METRICS):
        kubectl("-n", where, "scale", part, "--replicas=1")
    for part in (OPERATOR, METRICS):
        kubectl("-n", where, "rollout", "status", part, "--timeout=180s", seconds=190)


def await_finding(namespace: Namespace, code: str, *words: str) -> None:
    """Wait until the doctor finds it, in these words."""

    def found() -> bool:
        ended = doctor(namespace.name)
        return code in ended.codes and all(word in ended.finding(code) for word in words)

    soon(found, f"doctor finds {code}: {words}", seconds=120)


def test_a_keda_whose_operator_does_not_run_is_named(namespace: Namespace, keda: str) -> None:
    kubectl("-n", keda, "scale", OPERATOR, "--replicas=0")
    await_finding(namespace, "keda_down", "nothing is scaled", "scale deployment keda-operator --replicas=1")


def test_a_keda_whose_metrics_nobody_serves_is_named(namespace: Namespace, keda: str) -> None:
    kubectl("-n", keda, "scale", METRICS, "--replicas=0")
    await_finding(namespace, "keda_metrics_down", "from none to one, and no further")


def test_a_node_that_was_cordoned_is_named(namespace: Namespace) -> None:
    node, *_ = kubectl("get", "nodes", "-o", "name").split()
    kubectl("cordon", node)
    try:
        await_finding(namespace, "node_unwell", "it takes no new pod", "kubectl uncordon")
    finally:
        kubectl("uncordon", node)


def test_a_cluster_without_keda_is_named_before_anything_is_installed(
    namespace: Namespace, keda: str, tmp_path: Path
) -> None:
    found = json.loads(kubectl("get", CRD, "-o", "json"))
    about = {name: found["metadata"][name] for name in ("name", "labels", "annotations") if name in found["metadata"]}
    kept = {name: found[name] for name in ("apiVersion", "kind", "spec")} | {"metadata": about}
    kubectl("delete", CRD, seconds=120)
    try:
        ended = deploy(namespace.name, for_tests(), tmp_path)
        assert ended.status == UNSUCCESSFUL, ended
        assert "install KEDA" in ended.finding("keda_missing")
    finally:
        kubectl("create", "-f", "-", stdin=json.dumps(kept))
        kubectl("-n", keda, "rollout", "restart", OPERATOR)
