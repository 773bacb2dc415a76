"""The objects of an installation as the API server keeps them, without what says who made them, and when."""

import json
from collections.abc import Mapping
from typing import Any

from cluster.namespace import Namespace
from kustomize.combinations import plain

KINDS = (
    "deployments",
    "statefulsets",
    "jobs",
    "services",
    "serviceaccounts",
    "persistentvolumeclaims",
    "networkpolicies",
    "poddisruptionbudgets",
    "scaledobjects",
    "triggerauthentications",
    "secrets",
)

MADE_BY = (
    "kubectl.kubernetes.io/",
    "meta.helm.sh/",
    "deployment.kubernetes.io/",
    "batch.kubernetes.io/",
    "volume.",
    "pv.",
)
"""What begins the annotations and labels that tools and controllers add."""

GIVEN = ("clusterIP", "clusterIPs", "volumeName", "controller-uid", "job-name", "scaledobject.keda.sh/name")
"""Fields that the cluster fills, and labels of Jobs' pods."""

OWN = ("sh.helm.release.v1.", "keda-hpa-")


def live(namespace: Namespace) -> dict[tuple[str, str], Any]:
    """By kind and name: all of the release `penstock` in a namespace. Secrets by their keys alone."""
    # Without what tries it, which Helm makes for its test alone.
    selector = ("-l", "app.kubernetes.io/instance=penstock,app.kubernetes.io/component!=test", "-o", "json")
    found = json.loads(namespace.kubectl("get", ",".join(KINDS), *selector))["items"]
    objects = [one for one in found if not one["metadata"]["name"].startswith(OWN)]
    keys = {("Secret", one["metadata"]["name"]): sorted(one["data"]) for one in objects if one["kind"] == "Secret"}
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in objects if one["kind"] == "ScaledObject"}
    return plain([_bare(one, namespace.name, scaled) for one in objects]) | keys


def _bare(one: dict[str, Any], namespace: str, scaled: set[str]) -> dict[str, Any]:
    text = json.dumps({key: value for key, value in one.items() if key != "status"}).replace(namespace, "NAMESPACE")
    bare: dict[str, Any] = _without(json.loads(text))
    about = bare["metadata"]
    bare["metadata"] = {name: about[name] for name in ("name", "labels", "annotations") if about.get(name)}
    if one["kind"] == "Deployment" and about["name"] in scaled:
        del bare["spec"]["replicas"]  # KEDA's
    if one["kind"] == "Job":
        del bare["spec"]["selector"]
    return bare


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without(inner) for key, inner in value.items() if key not in GIVEN and not key.startswith(MADE_BY)
        }
    return [_without(one) for one in value] if isinstance(value, list) else value
