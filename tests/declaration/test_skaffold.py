"""skaffold.yaml builds what services/ has, and gives the chart its images, its ports and its smoke test."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock_contracts.queues import QUEUES

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
WORKERS = sorted(queue.service for queue in QUEUES)


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


WHOLE: dict[str, Any] = read("skaffold.yaml")
CHART: dict[str, Any] = read("charts/penstock/values.yaml")
ARTIFACTS = {one["docker"]["buildArgs"]["SERVICE"]: one for one in WHOLE["build"]["artifacts"]}
(RELEASE,) = WHOLE["deploy"]["helm"]["releases"]
PROFILES = {one["name"]: one for one in WHOLE["profiles"]}

worker = pytest.mark.parametrize("service", WORKERS)


def value(path: str) -> Any:
    """A value of the chart: `api.service.port`."""
    return functools.reduce(lambda values, key: values[key], path.split("."), CHART)


def at(pointer: str) -> Any:
    """What a patch points to, without its last step."""
    steps: list[Callable[[Any], Any]] = [
        (lambda whole, step=step: whole[int(step) if step.isdecimal() else step]) for step in pointer.split("/")[1:-1]
    ]
    return functools.reduce(lambda whole, step: step(whole), steps, WHOLE)


def test_each_service_is_built_under_the_name_that_the_chart_gives_its_image() -> None:
    assert sorted(ARTIFACTS) == SERVICES
    for service, artifact in ARTIFACTS.items():
        assert artifact["image"] == f"{CHART['image']['repository']}/{service}"
        assert artifact["docker"]["dockerfile"] == "Dockerfile"


def test_the_chart_is_given_each_image_that_was_built() -> None:
    expected = {}
    for service in SERVICES:
        key = f"workers.{service.removeprefix('worker-')}" if service in WORKERS else service
        variable = ARTIFACTS[service]["image"].replace("/", "_").replace("-", "_")
        expected[f"{key}.image.repository"] = f"{{{{.IMAGE_REPO_{variable}}}}}"
        expected[f"{key}.image.tag"] = f"{{{{.IMAGE_TAG_{variable}}}}}@{{{{.IMAGE_DIGEST_{variable}}}}}"
        assert value(key) is not None
    assert RELEASE["setValueTemplates"] == expected
    assert (ROOT / RELEASE["chartPath"] / "Chart.yaml").is_file()


@worker
def test_a_changed_source_goes_where_the_image_for_development_has_it_and_the_worker_is_told(service: str) -> None:
    sync = ARTIFACTS[service]["sync"]
    assert [(rule["src"], rule["dest"]) for rule in sync["manual"]] == [
        ("libs/*/src/**/*", "/src"),
        (f"services/{service}/src/**/*", "/src"),
    ]
    assert sync["hooks"]["after"] == [{"container": {"command": ["sh", "-c", "kill -HUP 1"]}}]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "FROM ${SERVICE} AS dev\nCOPY --from=build-dev --chown=10001:10001 /src /src\n" in dockerfile


def test_all_that_is_built_from_is_copied_since_skaffold_does_not_see_what_is_mounted() -> None:
    assert "type=bind" not in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_only_while_developing_workers_are_built_for_it_and_may_write() -> None:
    targets = [patch for patch in PROFILES["dev"]["patches"] if patch["path"].endswith("/docker/target")]
    built = {at(patch["path"])["buildArgs"]["SERVICE"]: patch["value"] for patch in targets}
    assert built == dict.fromkeys(WORKERS, "dev")
    assert PROFILES["dev"]["activation"] == [{"command": "dev"}]
    writable = [name for name, one in PROFILES.items() if "readOnlyRootFilesystem" in yaml.safe_dump(one)]
    assert writable == ["dev"]
    assert "target" not in yaml.safe_dump(WHOLE["build"])
    assert value("workerDefaults.securityContext") == {}


@pytest.mark.parametrize("profile", ["local", "production", "dev"])
def test_a_profile_sets_only_values_that_the_chart_has_and_nothing_that_is_set_already(profile: str) -> None:
    for patch in PROFILES[profile]["patches"]:
        assert patch["path"].rpartition("/")[2] not in at(patch["path"])
        if patch["path"].endswith("/setValues"):
            for path in patch["value"]:
                assert value(path.removesuffix(".readOnlyRootFilesystem")) is not None


def test_only_for_production_it_is_said_whether_images_are_pushed_since_else_skaffold_sees_it_by_the_cluster() -> None:
    pushes = {name: one["build"]["local"]["push"] for name, one in PROFILES.items() if "build" in one}
    assert pushes == {"production": True}
    assert "push" not in WHOLE["build"]["local"]


def test_the_port_is_that_of_the_apis_service() -> None:
    (forward,) = WHOLE["portForward"]
    assert forward["resourceName"] == f"{RELEASE['name']}-api"
    assert (forward["namespace"], forward["port"]) == (RELEASE["namespace"], value("api.service.port"))


def test_verifying_runs_what_helm_test_runs_in_the_same_namespace() -> None:
    (verified,) = WHOLE["verify"]
    job = read(verified["executionMode"]["kubernetesCluster"]["jobManifestPath"])
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert verified["name"] == job["metadata"]["name"]
    assert job["metadata"]["namespace"] == RELEASE["namespace"]
    assert verified["container"] == {
        "name": container["name"],
        "image": container["image"].partition(":")[0],
        "command": container["command"],
    }
    assert verified["timeout"] > job["spec"]["activeDeadlineSeconds"]
