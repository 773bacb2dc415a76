"""`penstock deploy` looks first: what cannot go well it names with its fix, and changes nothing."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.command import Ended, deploy, kubeconfig, penstock
from cluster.namespace import Namespace
from cluster.release import ROOT, Values, merged
from cluster.suite import soon
from cluster.values import for_tests

REFUSED, UNSUCCESSFUL, UNAVAILABLE = 1, 3, 4

WRONG_VALUES = {
    "a value that the chart does not know": ({"wrokers": {}}, "values_refused", "wrokers"),
    "numbers that would lose work": (
        {"workers": {"mail": {"gracePeriod": 60}}},
        "values_refused",
        "gracePeriod of 60 s, within which a job that may take 120 s cannot end",
    ),
    "a Secret of the chart's that is not there": (
        {"redis": {"host": "redis.example.com", "existingSecret": "none", "bundled": {"enabled": False}}},
        "values_refused",
        "kubectl create secret generic none",
    ),
    "another Secret that is not there": (
        {"api": {"extraEnvFrom": [{"secretRef": {"name": "no-such-one"}}]}},
        "secret_missing",
        "deployment penstock-api: it needs the Secret no-such-one",
    ),
    "no such storage class": (
        {"storage": {"storageClass": "golden"}},
        "no_storage",
        "the cluster has no storage class golden; it has local-path",
    ),
    "a NetworkPolicy that shuts KEDA out": (
        {"networkPolicy": {"kedaNamespace": "elsewhere"}},
        "keda_shut_out",
        "networkPolicy.kedaNamespace=keda",
    ),
    "an image that nobody has": (
        {"workers": {"mail": {"image": {"repository": "localhost:5999/nobody/has", "tag": "this"}}}},
        "image_missing",
        "localhost:5999/nobody/has:this cannot be had",
    ),
}


@pytest.fixture(scope="module")
def namespace(new_namespace: Callable[..., Namespace]) -> Iterator[Namespace]:
    """Where nothing is ever installed."""
    namespace = new_namespace("refused")
    yield namespace
    assert not namespace.objects("deployments", "statefulsets", "secrets", "pods")


@pytest.mark.parametrize("what", WRONG_VALUES)
def test_it_is_named_with_its_fix_and_nothing_is_changed(namespace: Namespace, tmp_path: Path, what: str) -> None:
    wrong, code, words = WRONG_VALUES[what]
    ended = deploy(namespace.name, merged(for_tests(), wrong), tmp_path)
    assert ended.status == UNSUCCESSFUL, ended
    assert ended.codes == {code}
    assert words in ended.finding(code)
    assert "nothing was changed" in ended.said


def test_values_that_are_right_are_found_right_and_nothing_is_changed_by_looking(
    namespace: Namespace, tmp_path: Path
) -> None:
    ended = deploy(namespace.name, for_tests(), tmp_path, "--check")
    assert (ended.status, ended.found) == (0, [])


def elsewhere(config: dict[str, Any]) -> None:
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"


def unknown(config: dict[str, Any]) -> None:
    config["users"][0]["user"] = {"token": "of-nobody"}


def no_cluster(config: dict[str, Any]) -> None:
    config["current-context"] = ""


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (elsewhere, UNAVAILABLE, "does not answer"),
        (unknown, REFUSED, "the cluster does not know who asks: log in again"),
        (no_cluster, REFUSED, "set KUBECONFIG to a file that kubectl can use"),
    ],
)
def test_a_cluster_that_cannot_be_asked_is_said_at_once(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], status: int, words: str
) -> None:
    for command in ("deploy", "doctor", "status"):
        ended = penstock(command, "-n", "somewhere", env=kubeconfig(tmp_path, change))
        assert (ended.status, words in ended.said) == (status, True), (command, ended)


def test_a_context_that_is_not_in_the_kubeconfig_is_said_with_those_that_are() -> None:
    ended = penstock("deploy", "--context", "moon")
    assert ended.status == REFUSED
    assert "has no context moon; it has " in ended.said


def test_a_chart_and_a_file_of_values_that_are_not_there_are_said(tmp_path: Path) -> None:
    ended = penstock("deploy", "-f", str(tmp_path / "none.yaml"))
    assert (ended.status, "none.yaml: cannot be read: No such file or directory" in ended.said) == (REFUSED, True)
    ended = penstock("deploy", "--chart", str(tmp_path / "none"), "--json")
    assert "none" in ended.finding("helm_failed")


def test_a_machine_without_helm_is_told_where_it_comes_from(tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    chart.mkdir()
    ended = penstock("deploy", "--chart", str(chart), env={"PATH": str(tmp_path)})
    assert ended.status == REFUSED
    assert "there is no helm on the PATH; install Helm 3.14 or newer" in ended.said


def test_rights_that_the_user_lacks_are_named_together(namespace: Namespace, tmp_path: Path) -> None:
    namespace.kubectl("create", "serviceaccount", "visitor")
    namespace.kubectl(
        "create", "rolebinding", "visitor", "--clusterrole=view", f"--serviceaccount={namespace.name}:visitor"
    )
    namespace.kubectl("create", "role", "secrets", "--verb=get,list", "--resource=secrets")
    namespace.kubectl(
        "create", "rolebinding", "secrets", "--role=secrets", f"--serviceaccount={namespace.name}:visitor"
    )
    token = namespace.kubectl("create", "token", "visitor").strip()

    def as_visitor(config: dict[str, Any]) -> None:
        config["users"][0]["user"] = {"token": token}

    ended = deploy(namespace.name, for_tests(), tmp_path, env=kubeconfig(tmp_path, as_visitor))
    assert ended.status == UNSUCCESSFUL, ended
    said = ended.finding("no_rights")
    assert all(kind in said for kind in ("deployments", "networkpolicies", "scaledobjects", "statefulsets"))
    assert "ask for a RoleBinding" in said


def test_an_installation_that_was_stopped_in_the_middle_is_named(
    new_namespace: Callable[..., Namespace], tmp_path: Path
) -> None:
    namespace = new_namespace("stuck")
    # Its servers never come up, so that Helm waits; then it is killed.
    values: Values = merged(for_tests(), {"redis": {"bundled": {"image": "redis:none"}}})
    command = ["helm", "install", "penstock", str(ROOT / "charts/penstock"), "-n", namespace.name, "--wait", "-f", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=os.environ) as helm:
        assert helm.stdin is not None
        helm.stdin.write(json.dumps(values).encode())
        helm.stdin.close()
        soon(lambda: namespace.objects("deployments"), "helm has made the objects")
        helm.kill()
    for ended in (deploy(namespace.name, for_tests(), tmp_path), penstock("doctor", "-n", namespace.name, "--json")):
        _is_stuck(ended, namespace)


def _is_stuck(ended: Ended, namespace: Namespace) -> None:
    assert ended.status == UNSUCCESSFUL, ended
    said = ended.finding("release_stuck")
    assert "pending-install" in said
    assert f"penstock uninstall -n {namespace.name} --release penstock, and deploy again" in said
