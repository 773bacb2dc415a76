"""`kubectl apply -k`: the API server takes every kind of every combination, and a job goes through overlays/local."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from cluster.command import deploy, penstock
from cluster.live import live
from cluster.namespace import Failed, Namespace, kubectl
from cluster.release import ROOT, Release
from cluster.suite import Suite, soon

COMBINATIONS = sorted(path.parent.name for path in (ROOT / "k8s/tests").glob("*/kustomization.yaml"))
BESIDES = {"PrometheusRule": "monitoring.coreos.com", "HTTPRoute": "gateway.networking.k8s.io"}
"""Kinds that a cluster need not know, and their groups."""

WITHIN = 180


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("kustomize"))
    yield suite
    suite.close()


@pytest.fixture(scope="module")
def k8s(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """k8s/, rendered for the tests' namespace."""
    folder = Path(shutil.copytree(ROOT / "k8s", tmp_path_factory.mktemp("k8s") / "k8s"))
    script = [sys.executable, str(ROOT / "scripts/k8s.py"), "--into", str(folder), "--namespace", suite.namespace.name]
    subprocess.run(script, check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def groups() -> set[str]:
    """The groups of kinds that this cluster knows."""
    return {line.partition("/")[0] for line in kubectl("api-versions").split()}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_kind_is_taken_by_the_api_server(suite: Suite, k8s: Path, groups: set[str], name: str) -> None:
    objects = list(yaml.safe_load_all(kubectl("kustomize", str(k8s / "tests" / name))))
    known = [one for one in objects if BESIDES.get(one["kind"], next(iter(groups))) in groups]
    assert {one["metadata"].get("namespace", suite.namespace.name) for one in known} == {suite.namespace.name}
    said = suite.namespace.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump_all(known))
    assert said.count("(server dry run)") == len(known)
    assert "would violate" not in said


def test_one_command_brings_up_the_local_overlay_and_a_job_goes_through_each_queue(
    suite: Suite, k8s: Path, figure: Callable[[str], None]
) -> None:
    kubectl("apply", "-k", str(k8s / "overlays/local"))
    soon(
        lambda: suite.namespace.pods() and not suite.unwell(),
        "every pod is ready, or has done its work",
        seconds=WITHIN,
    )
    kubectl("apply", "-k", str(k8s / "try"))
    job = "job/penstock-try-queues"
    try:
        suite.namespace.kubectl("wait", "--for=condition=complete", "--timeout=360s", job, seconds=370)
    except Failed:
        pytest.fail(suite.namespace.kubectl("logs", job))
    figure(suite.namespace.kubectl("logs", job))


def test_what_runs_is_what_was_applied_so_that_applying_it_again_changes_nothing(k8s: Path) -> None:
    assert kubectl("diff", "-k", str(k8s / "overlays/local")) == ""


def test_kubectl_helm_and_penstock_deploy_make_the_same_objects(
    suite: Suite, new_namespace: Callable[..., Namespace], tmp_path: Path
) -> None:
    applied = live(suite.namespace)
    assert len(applied) > len(COMBINATIONS)
    values = yaml.safe_load((ROOT / "k8s/base/values.yaml").read_text(encoding="utf-8"))
    helms, deployed = new_namespace("helm"), new_namespace("deploy")
    Release(helms).install(values, wait="")
    assert live(helms) == applied
    helms.delete()
    # That all of it comes up is told by test_doctor.
    ended = deploy(deployed.name, values, tmp_path, "--no-images", "--timeout", "10")
    assert "it goes on by itself" in ended.finding("not_in_time")
    assert live(deployed) == applied
    deployed.delete()


def test_penstock_deploy_leaves_alone_what_kubectl_has_made(suite: Suite) -> None:
    ended = penstock("deploy", "-n", suite.namespace.name, "--json")
    assert "go on with kubectl apply -k" in ended.finding("not_helms")


def test_another_image_migrates_again_beside_the_job_before(suite: Suite, k8s: Path) -> None:
    before = suite.namespace.objects("jobs")
    kustomization = k8s / "overlays/local/kustomization.yaml"
    images = f"images: [{{name: penstock/api, newTag: {suite.tag('next')}}}]\n"
    kustomization.write_text(kustomization.read_text(encoding="utf-8") + images, encoding="utf-8")
    kubectl("apply", "-k", str(k8s / "overlays/local"))
    (new,) = suite.namespace.objects("jobs") - before
    suite.namespace.kubectl("wait", "--for=condition=complete", "--timeout=120s", new, seconds=130)
