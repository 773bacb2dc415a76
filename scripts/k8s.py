"""Render the base, the components and the local Secrets of k8s/ from the chart, and write them anew: `make k8s`.

python scripts/k8s.py [--namespace N] [--into FOLDER]

A component is what its values.yaml changes in the chart's rendering. What a user of it must say, its settings.yaml puts
into place; that, the READMEs and the overlays are written by hand.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from local_secrets import LocalSecretError, local_secrets
from patches import Object, by_name, patches, text
from workspace import ROOT

from penstock_cli.cluster.values import merged

CHART = ROOT / "charts" / "penstock"
K8S = ROOT / "k8s"
HELM = ROOT / ".tools" / "helm" / "helm4"
APIS = ("keda.sh/v1alpha1", "monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")

BESIDE = {"tls": ("external-redis", "external-postgres"), "no-keda": ("monitoring",)}
"""Components whose objects another one changes too, where they are there: it is listed behind them."""

HEADER = "# Rendered from charts/penstock by `make k8s`; a test compares them.\n"
HASHED = {"internal.config.kubernetes.io/needsHashSuffix": "enabled"}
"""Kustomize appends a hash of the whole object to its name: a Job that has changed cannot be applied over itself."""

OF_SECRETS = "penstock.io/users"
"""The hash of a Secret, made anew with each rendering: where Secrets do not come with the base, it says nothing."""

LOCAL = {"config.kubernetes.io/local-config": "true"}
"""Kustomize applies no object with this annotation: the settings have done their work."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--namespace", help="default: that of k8s/base/kustomization.yaml")
    parser.add_argument("--into", type=Path, default=K8S, help="a copy of k8s/; default: k8s/ itself")
    given = parser.parse_args()
    try:
        write(given.into, given.namespace or namespace(given.into))
    except FileNotFoundError:
        sys.stderr.write("There is no helm in .tools/helm, where `make k8s` puts it, and none on the PATH.\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        return 1
    except LocalSecretError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def namespace(folder: Path) -> str:
    """The namespace for which the folder is rendered: names of Services have it in them."""
    return str(read(folder / "base" / "kustomization.yaml")["namespace"])


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def write(folder: Path, space: str) -> None:
    """Write all that is rendered. Raises CalledProcessError where helm refuses, FileNotFoundError without a helm."""
    base = read(folder / "base" / "values.yaml")
    write_base(folder / "base", render(base, space), space)
    for component in sorted(path.parent for path in folder.glob("components/*/values.yaml")):
        write_component(component, base, space)
    secrets = [local_secrets(*pair) for pair in zip(made(base, space, 0), made(base, space, 1), strict=True)]
    spaces = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": RESTRICTED}}
    documents(folder / "overlays" / "local" / "namespace.yaml", [spaces])
    write_secrets(folder / "overlays" / "local" / "secrets", secrets, space)
    write_try(folder / "try", base, space)


RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def write_base(folder: Path, objects: Mapping[str, list[Object]], space: str) -> None:
    """A file for each template of the chart."""
    for path in folder.glob("*.yaml"):
        if path.name != "values.yaml":
            path.unlink()
    for name, found in objects.items():
        documents(folder / name, found)
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    whole = kustomization | {"namespace": space, "resources": sorted(objects)}
    (folder / "kustomization.yaml").write_text(HEADER + text(whole), encoding="utf-8")


def write_component(folder: Path, base: Object, space: str) -> None:
    """The kustomization of one component, and the objects that it adds."""
    values = read(folder / "values.yaml")
    beside = [read(folder.parent / other / "values.yaml") for other in BESIDE.get(folder.name, ())]
    before = by_name(flat(render(merged(base, *beside), space)))
    after = by_name(flat(render(merged(base, *beside, values), space)))
    added = [in_namespace(one, space) for key, one in after.items() if key not in before]
    whole: Object = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
    objects = folder / "objects.yaml"
    objects.unlink(missing_ok=True)
    if added:
        documents(objects, added)
        whole["resources"] = [objects.name]
    whole["patches"] = patches(before, after)
    if (folder / "settings.yaml").exists():
        spent = [{"op": "add", "path": "/metadata/annotations", "value": LOCAL}]
        whole["patches"].append({"target": {"kind": "ConfigMap", "name": folder.name}, "patch": text(spent)})
        whole["replacements"] = [{"path": "settings.yaml"}]
    (folder / "kustomization.yaml").write_text(HEADER + text({k: v for k, v in whole.items() if v}), encoding="utf-8")


def write_secrets(folder: Path, secrets: list[Object], space: str) -> None:
    """A generator of Secrets: in them kubectl would find a change each time, if they were written as plain text."""
    generators = [
        {
            "name": one["metadata"]["name"],
            "literals": [f"{key}={value}" for key, value in one["stringData"].items()],
            "options": {"labels": one["metadata"]["labels"], "disableNameSuffixHash": True},
        }
        for one in secrets
    ]
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    folder.mkdir(exist_ok=True)
    whole = kustomization | {"namespace": space, "secretGenerator": generators}
    (folder / "kustomization.yaml").write_text(HEADER + text(whole), encoding="utf-8")


def write_try(folder: Path, base: Object, space: str) -> None:
    """What `helm test` runs, as a Job, and the policy that lets it through."""
    before = by_name(flat(render(base, space)))
    after = by_name(flat(render(merged(base, {"tests": {"enabled": True}}), space)))
    for (kind, _), one in after.items():
        if kind == "Pod":
            documents(folder / "job.yaml", [in_namespace(job_of(one), space)])
        elif (kind, one["metadata"]["name"]) not in before:
            documents(folder / "policy.yaml", [in_namespace(one, space)])


def job_of(pod: Object) -> Object:
    """A Job that runs this pod once."""
    spec = dict(pod["spec"])
    seconds = spec.pop("activeDeadlineSeconds")
    labels = {"labels": pod["metadata"]["labels"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": pod["metadata"]["name"]} | labels,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds,
            "template": {"metadata": labels, "spec": spec},
        },
    }


def documents(path: Path, objects: list[Object]) -> None:
    path.write_text(HEADER + "---\n".join(text(one) for one in objects), encoding="utf-8")


def render(values: Object, space: str) -> dict[str, list[Object]]:
    """The objects of an installation by the file of their template, without Secrets and as kubectl is to apply them."""
    found: dict[str, list[Object]] = {}
    for file, one in template(values, space):
        if one["kind"] != "Secret":
            found.setdefault(file, []).append(applied(one))
    return found


def made(values: Object, space: str, turn: int) -> list[Object]:
    """The Secrets that an installation makes, other ones each turn."""
    return [applied(one) for _, one in template(values, space, turn) if one["kind"] == "Secret"]


def template(values: Object, space: str, turn: int = 0) -> list[tuple[str, Object]]:
    """What `helm template` renders: each object with the name of its template's file."""
    found = []
    for document in helm_template(json.dumps(values), space, turn).split("\n---\n"):
        one = yaml.safe_load(document + "\n")
        if one:
            source = next(line for line in document.splitlines() if line.startswith("# Source: "))
            found.append((Path(source).name, one))
    return found


@cache
def helm_template(values: str, space: str, turn: int) -> str:
    """Helm's output, once for each turn: the same values give other passwords in another."""
    helm = str(HELM) if HELM.exists() else shutil.which("helm")
    if helm is None:
        raise FileNotFoundError("helm")
    command = [helm, "template", "penstock", str(CHART), "--namespace", space, "--values", "-"]
    command += [word for api in APIS for word in ("--api-versions", api)]
    return subprocess.run(command, input=values, check=True, text=True, capture_output=True).stdout


def applied(one: Object) -> Object:
    """The object without what only Helm reads."""
    metadata = one["metadata"]
    if metadata["labels"].pop("helm.sh/chart", None):
        metadata["labels"]["app.kubernetes.io/managed-by"] = "kustomize"
    annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if not k.startswith("helm.sh/")}
    if one["kind"] == "Job":
        metadata["name"] = metadata["name"].rpartition("-")[0]
        annotations |= HASHED
    if annotations:
        metadata["annotations"] = annotations
    if one["kind"] == "StatefulSet":
        without(one["spec"]["template"]["metadata"], OF_SECRETS)
    return one


def without(metadata: Object, annotation: str) -> None:
    """Take an annotation away, and the map of them with the last."""
    found = metadata.get("annotations", {})
    found.pop(annotation, None)
    if not found:
        metadata.pop("annotations", None)


def in_namespace(one: Object, space: str) -> Object:
    metadata = {"name": one["metadata"]["name"], "namespace": space} | one["metadata"]
    return one | {"metadata": metadata}


def flat(objects: Mapping[str, list[Object]]) -> list[Object]:
    return [one for found in objects.values() for one in found]


if __name__ == "__main__":
    sys.exit(main())
