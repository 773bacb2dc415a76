"""The kustomizations in k8s/: their components, what kubectl builds of them, and what Helm renders for the same."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from chart.binaries import binary
from chart.rendering import ALL_APIS, KEDA, ROOT, Object, rendered, template

K8S = ROOT / "k8s"
COMPONENTS = sorted(path.parent for path in K8S.glob("components/*/kustomization.yaml"))
COMBINATIONS = sorted(path.parent for path in K8S.glob("tests/*/kustomization.yaml"))
WITHOUT_MONITORING = tuple(api for api in ALL_APIS if not api.startswith("monitoring"))

Objects = dict[tuple[str, str], Object]

UNORDERED = {"env", "volumes", "volumeMounts", "sources", "items", "egress", "secretTargetRef"}
"""Lists in which the order says nothing."""

OF_HELMS_TEST = {("Pod", "penstock-try-queues"), ("NetworkPolicy", "penstock-test")}
OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")
OF_SECRETS = "penstock.io/users"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def components(folder: Path) -> list[str]:
    """The components of a kustomization and of those that it is made of, in their order."""
    whole = read(folder / "kustomization.yaml")
    below = [folder / one for one in whole.get("resources", []) if (folder / one).is_dir()]
    found = [name for one in below for name in components(one)]
    return found + [Path(one).name for one in whole.get("components", [])]


def kustomize(folder: Path, kubectl: str = "kubectl") -> "subprocess.CompletedProcess[str]":
    """What `kubectl kustomize` does with a folder."""
    command = [binary(kubectl), "kustomize", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@cache
def built(folder: Path, kubectl: str = "kubectl") -> list[Object]:
    """The objects of a kustomization."""
    done = kustomize(folder, kubectl)
    assert done.returncode == 0, done.stderr
    return rendered(done.stdout).objects


@cache
def helms(folder: Path) -> list[Object]:
    """The objects that the chart renders with the values of a combination."""
    apis = ALL_APIS if "monitoring" in components(folder) else WITHOUT_MONITORING
    assert KEDA[0] in apis
    done = template(binary("helm4"), read(folder / "values.yaml"), "--namespace", "penstock", apis=apis)
    assert done.returncode == 0, done.stderr
    return rendered(done.stdout).objects


def secrets(objects: list[Object]) -> dict[str, set[str]]:
    """The keys of each Secret."""
    found = [one for one in objects if one["kind"] == "Secret"]
    return {one["metadata"]["name"]: {*one.get("data", {}), *one.get("stringData", {})} for one in found}


def plain(objects: list[Object]) -> Objects:
    """Objects by kind and name, without what differs between the ways to install: Secrets and the namespace, Helm's
    test, who manages them, the hashes of a Job and of a Secret, and the order where it says nothing.
    """
    found = {}
    for one in objects:
        kind, name = one["kind"], one["metadata"]["name"]
        if kind in ("Secret", "Namespace") or (kind, name) in OF_HELMS_TEST:
            continue
        if kind == "Job":
            name = name.rpartition("-")[0]
        metadata = {"name": name}
        for what in ("labels", "annotations"):
            rest = {key: value for key, value in one["metadata"].get(what, {}).items() if not _is_helms(key)}
            metadata |= {what: rest} if rest else {}
        found[kind, name] = _sorted(_without_hash(one) | {"metadata": metadata})
    return found


def _without_hash(one: Object) -> Object:
    """Without the hash of a Secret in a pod's annotations, and those where it is the only one."""
    if one["kind"] != "StatefulSet":
        return one
    pod = one["spec"]["template"]
    rest = {key: value for key, value in pod["metadata"].get("annotations", {}).items() if key != OF_SECRETS}
    metadata = {key: value for key, value in pod["metadata"].items() if key != "annotations"}
    template = pod | {"metadata": metadata | ({"annotations": rest} if rest else {})}
    return one | {"spec": one["spec"] | {"template": template}}


def _is_helms(key: str) -> bool:
    return key in OF_HELM or key.startswith("helm.sh/")


def _sorted(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _sorted(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        inner = [_sorted(one) for one in value]
        return sorted(inner, key=lambda one: json.dumps(one, sort_keys=True)) if key in UNORDERED else inner
    return value
