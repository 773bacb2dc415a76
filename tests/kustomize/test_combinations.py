"""Components go together, and `kubectl apply -k` gives the objects that `helm install` gives for the same wishes."""

import itertools
from pathlib import Path

import pytest
from chart.kubernetes_schemas import NEWEST, OLDEST, OTHERS, faults
from kustomize.combinations import COMBINATIONS, COMPONENTS, built, components, helms, plain

combination = pytest.mark.parametrize("folder", COMBINATIONS, ids=lambda folder: folder.name)

INSTEAD = [
    {"external-redis", "sentinel"},
    {"ingress", "http-route"},
    *({"rabbitmq", other} for other in ("external-redis", "sentinel", "tls", "no-keda")),
]
"""Of these only one makes sense, or is made for the other's objects."""

BEHIND = {"tls": {"external-redis", "external-postgres", "sentinel"}, "no-keda": {"monitoring"}}
"""Components that stand behind others, as their READMEs say."""


@combination
def test_kubectl_builds_what_helm_renders(folder: Path) -> None:
    ours, theirs = plain(built(folder)), plain(helms(folder))
    assert set(ours) == set(theirs)
    for key, one in theirs.items():
        assert ours[key] == one


@combination
def test_an_older_kubectl_builds_the_same(folder: Path) -> None:
    assert built(folder, "kubectl32") == built(folder)


@combination
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_every_object(folder: Path, version: str) -> None:
    checked = [one for one in built(folder) if one["kind"] not in OTHERS]
    assert len(checked) > 6
    assert [fault for one in checked for fault in faults(one, version)] == []


@combination
def test_everything_is_in_the_namespace_and_said_once(folder: Path) -> None:
    found = [one for one in built(folder) if one["kind"] != "Namespace"]
    assert {one["metadata"].get("namespace") for one in found} == {"penstock"}
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    assert len(names) == len(set(names))


@combination
def test_nothing_is_left_of_helm_or_of_the_settings(folder: Path) -> None:
    for one in built(folder):
        metadata = one["metadata"]
        told = metadata.get("labels", {}) | metadata.get("annotations", {})
        assert [key for key in told if key.startswith(("helm.sh/", "internal.", "config."))] == []
        assert told.get("app.kubernetes.io/managed-by") in (None, "kustomize")
        assert metadata["name"] not in {path.name for path in COMPONENTS}


def test_every_two_components_that_make_sense_together_are_tried_together() -> None:
    tried = {frozenset(pair) for folder in COMBINATIONS for pair in itertools.combinations(components(folder), 2)}
    pairs = {frozenset(pair) for pair in itertools.combinations([path.name for path in COMPONENTS], 2)}
    assert sorted(map(sorted, pairs - tried)) == sorted(map(sorted, INSTEAD))


@combination
def test_components_stand_behind_those_whose_objects_they_change(folder: Path) -> None:
    listed = components(folder)
    for name, others in BEHIND.items():
        assert not set(listed[listed.index(name) :] if name in listed else []) & others
