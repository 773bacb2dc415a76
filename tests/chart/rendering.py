"""Rendered objects, and how to find things in them."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "penstock"
KEDA = ("keda.sh/v1alpha1",)
ALL_APIS = (*KEDA, "monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")

Object = dict[str, Any]
Values = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """The objects of one rendering, in Helm's order."""

    objects: list[Object]

    def one(self, kind: str, name: str) -> Object:
        """The object of this kind with this name."""
        found = [one for one in self.objects if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        assert len(found) == 1, f"{len(found)} {kind} {name} among {self.names(kind)}"
        return found[0]

    def names(self, kind: str) -> list[str]:
        return [one["metadata"]["name"] for one in self.objects if one["kind"] == kind]

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Each pod's specification, with what makes it: `Deployment penstock-api`."""
        for one in self.objects:
            made = f"{one['kind']} {one['metadata']['name']}"
            if one["kind"] == "Pod":
                yield made, one["spec"]
            elif "template" in one.get("spec", {}):
                yield made, one["spec"]["template"]["spec"]

    def containers(self) -> Iterator[tuple[str, Object]]:
        """Each container, those that run first included: `Deployment penstock-api: api`."""
        for made, pod in self.pods():
            for container in pod.get("initContainers", []) + pod["containers"]:
                yield f"{made}: {container['name']}", container

    def container(self, kind: str, name: str) -> Object:
        """The one container of this object's pods."""
        (found,) = self.one(kind, name)["spec"]["template"]["spec"]["containers"]
        return dict(found)


def template(
    helm: str, values: Values, *options: str, apis: tuple[str, ...] = KEDA, release: str = "penstock"
) -> "subprocess.CompletedProcess[str]":
    """What `helm template` does with these values."""
    command = [helm, "template", release, str(CHART), "--namespace", "jobs", "--values", "-", *options]
    for api in apis:
        command += ["--api-versions", api]
    return subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)


def rendered(text: str) -> Rendered:
    """The objects in Helm's output."""
    return Rendered([one for one in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if one])


def environment(container: Object) -> dict[str, Any]:
    """A container's variables by name; from elsewhere: where from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container.get("env", [])}
