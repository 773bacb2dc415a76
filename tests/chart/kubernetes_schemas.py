"""The schemas of Kubernetes' own kinds, of the oldest version that is supported and of the newest."""

from functools import cache
from typing import Any

import jsonschema
from chart.rendering import Object
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

FOLDER = "kubernetes-json-schema/v{}.0-local-strict"
OTHERS = {"ScaledObject", "TriggerAuthentication", "HTTPRoute", "PodMonitor", "PrometheusRule"}
OLDEST, NEWEST = "1.29", "1.34"


@cache
def registry(version: str) -> Any:
    """All definitions of a version of Kubernetes, read once: the package reads them for each object."""
    return Resource.from_contents(schema_contents(f"{FOLDER.format(version)}/_definitions.json", version)) @ Registry()


@cache
def validator(version: str, kind: str, api_version: str) -> Any:
    """The schema of one kind in one version of Kubernetes."""
    group, _, number = api_version.rpartition("/")
    name = "-".join(part for part in (kind.lower(), group.partition(".")[0], number) if part)
    schema = schema_contents(f"{FOLDER.format(version)}/{name}.json", version)
    return jsonschema.Draft202012Validator(schema, registry=Resource.from_contents(schema) @ registry(version))


def faults(one: Object, version: str) -> list[str]:
    """What this version of Kubernetes would say against an object."""
    found = validator(version, one["kind"], one["apiVersion"]).iter_errors(one)
    return [f"{one['kind']} {one['metadata']['name']}: {'.'.join(map(str, e.path))}: {e.message}" for e in found]
