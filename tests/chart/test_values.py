"""values.yaml, its schema and the README say the same of every value."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from chart.rendering import CHART, Values

VALUES: Values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
README = CHART / "README.md"
NOT_READ = "global"
"""Helm gives it to every chart that another one has; it has no default."""


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to; its own description comes first."""
    if "$ref" not in node:
        return node
    return SCHEMA["definitions"][node["$ref"].rpartition("/")[2]] | {k: v for k, v in node.items() if k != "$ref"}


def nodes(node: dict[str, Any], path: str = "values") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, with its path."""
    yield path, node
    inner = resolved(node)
    for name, child in inner.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(inner.get(keyword), dict):
            yield from nodes(inner[keyword], f"{path}.*")


def leaves(values: Values, schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Each value with its default and what it is for."""
    for name, default in values.items():
        node = resolved(schema["properties"][name])
        here = f"{path}{name}"
        if (
            "properties" in node
            and default
            and node.get("description") != "As Kubernetes has them"
            and name != "resources"
        ):
            yield from leaves(default, node, f"{here}.")
        else:
            yield here, default, schema["properties"][name].get("description") or node["description"]


def table() -> str:
    """The README's table of values."""
    rows = ["| value | default | what it is |", "| --- | --- | --- |"]
    for path, default, description in leaves(VALUES, SCHEMA):
        shown = "one a queue" if path == "workers" else f"`{json.dumps(default, ensure_ascii=False)}`"
        rows.append(f"| `{path}` | {shown} | {description.replace('<', '&lt;')} |")
    return "\n".join(rows)


def test_the_readme_has_every_value_with_its_default_and_what_it_is() -> None:
    before, begin, rest = README.read_text(encoding="utf-8").partition("<!-- values -->\n")
    now, end, after = rest.partition("\n<!-- end of values -->")
    assert begin
    assert end
    if os.environ.get("PENSTOCK_WRITE"):
        README.write_text(before + begin + table() + end + after, encoding="utf-8")
        return
    assert now == table(), "PENSTOCK_WRITE=1 pytest tests/chart writes it anew"


def test_every_value_is_described() -> None:
    described = [(path, node) for path, node in nodes(SCHEMA) if not path.endswith(".*") and path != "values"]
    assert len(described) > 300
    assert [path for path, node in described if not resolved(node).get("description")] == []


def test_no_object_takes_keys_that_it_does_not_know() -> None:
    """Except maps, whose keys are the reader's, and what Kubernetes itself checks."""
    open_ones = {
        path
        for path, node in nodes(SCHEMA)
        if "properties" in resolved(node) and resolved(node).get("additionalProperties") is not False
    }
    assert open_ones == set()


@pytest.mark.parametrize(
    "part", ["", "redis", "redis.bundled", "api", "workerDefaults", "workers.mail", "autoscaling.fallback"]
)
def test_an_unknown_key_is_refused_by_its_name(part: str, refusal: Callable[..., str]) -> None:
    values: Values = {"unknwon": 1}
    for name in reversed(part.split(".") if part else []):
        values = {name: values}
    said = refusal(values)
    assert "unknwon" in said
    assert "execution error" not in said


WRONG: dict[str, tuple[Values, str]] = {
    "text_for_a_number": ({"redis": {"port": "http"}}, "redis/port"),
    "a_port_beyond_all": ({"redis": {"port": 70000}}, "redis/port"),
    "no_pods_at_most": ({"autoscaling": {"maxReplicas": 0}}, "autoscaling/maxReplicas"),
    "no_scheduler": ({"scheduler": {"replicas": 0}}, "scheduler/replicas"),
    "a_size_without_unit_of_kubernetes": ({"storage": {"size": "10 GB"}}, "storage/size"),
    "an_unknown_policy": ({"image": {"pullPolicy": "Sometimes"}}, "image/pullPolicy"),
    "a_name_that_kubernetes_refuses": ({"workers": {"ops_trace": {"queue": "ops_trace"}}}, "ops_trace"),
    "an_unknown_runtime": ({"workers": {"mail": {"runtime": "dramatiq"}}}, "workers/mail/runtime"),
    "several_queues": ({"workers": {"mail": {"queue": "mail,dataset"}}}, "workers/mail/queue"),
    "a_variable_that_is_a_number": ({"extraEnv": [{"name": "A", "value": 1}]}, "extraEnv/0/value"),
    "a_sentinel_without_port": ({"redis": {"sentinel": {"addresses": ["sentinel"]}}}, "sentinel/addresses/0"),
    "an_unknown_tls_mode": ({"postgresql": {"tls": {"mode": "on"}}}, "postgresql/tls/mode"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused_by_its_place(case: str, refusal: Callable[..., str]) -> None:
    values, place = WRONG[case]
    said = refusal(values)
    assert place in said
    assert "execution error" not in said


def test_every_value_of_the_schema_has_a_default() -> None:
    """Workers apart, of which each says only what is its own."""

    def missing(schema: dict[str, Any], values: Values, path: str = "") -> Iterator[str]:
        for name, child in schema.get("properties", {}).items():
            if name not in values:
                yield f"{path}{name}"
            elif isinstance(values[name], dict) and values[name] and name != "workers":
                yield from missing(resolved(child), values[name], f"{path}{name}.")

    assert list(missing(SCHEMA, VALUES)) == [NOT_READ]
