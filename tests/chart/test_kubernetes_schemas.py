"""What is rendered is what Kubernetes takes: no unknown field, no wrong type.

The kinds of KEDA, the Gateway API and the Prometheus operator are compared with their CRDs by tests/cluster.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from chart.kubernetes_schemas import NEWEST, OLDEST, OTHERS, faults
from chart.rendering import ALL_APIS, Rendered

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))


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
