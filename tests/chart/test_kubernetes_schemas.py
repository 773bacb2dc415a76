"""What is rendered is what Kubernetes takes: no unknown field, no wrong type.

The kinds of KEDA, the Gateway API and the Prometheus operator are compared with their CRDs by tests/cluster.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from chart.rendering import ALL_APIS, Object, Rendered
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
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
    found = validator(version, one["kind"], one["apiVersion"]).iter_errors(one)
    return [f"{one['kind']} {one['metadata']['name']}: {'.'.join(map(str, e.path))}: {e.message}" for e in found]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_kubernetes_takes_what_a_scenario_is_rendered_to(
    path: Path, version: str, render: Callable[..., Rendered]
) -> None:
    found = render(yaml.safe_load(path.read_text(encoding="utf-8")), apis=ALL_APIS).objects
    checked = [one for one in found if one["kind"] not in OTHERS]
    assert len(checked) > 6
    assert [fault for one in checked for fault in faults(one, version)] == []


def test_an_unknown_field_and_a_wrong_type_are_found(render: Callable[..., Rendered]) -> None:
    service = render().one("Service", "penstock-api")
    assert faults(service | {"spec": service["spec"] | {"prots": []}}, NEWEST) != []
    assert faults(service | {"spec": service["spec"] | {"type": 1}}, NEWEST) != []


def test_nothing_is_rendered_twice(render: Callable[..., Rendered]) -> None:
    for path in SCENARIOS:
        found = render(yaml.safe_load(path.read_text(encoding="utf-8")), apis=ALL_APIS).objects
        names = [(one["kind"], one["metadata"]["name"]) for one in found]
        assert len(names) == len(set(names)), path.stem
