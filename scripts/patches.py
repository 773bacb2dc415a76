"""What a component of k8s/ changes, as patches of kustomize that many components may make one after the other.

Variables are patched by their name, everything else by its place (RFC 6902); every patch has a target, so that it
passes over objects which another component took away. Objects that change alike share a patch.
"""

import copy
from collections.abc import Iterator
from typing import Any

import yaml

Object = dict[str, Any]
Objects = dict[tuple[str, str], Object]
Step = str | int

DELETE = {"$patch": "delete"}


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML ships no types
    """Texts of several lines are written as such, and what is said twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def text(value: Any) -> str:
    """YAML as all of k8s/ is written."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True))


def by_name(objects: list[Object]) -> Objects:
    """Objects by kind and name."""
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def patches(before: Objects, after: Objects) -> list[Object]:
    """Entries for `patches:` of a kustomization that make `after` of `before`, without the objects that only it has."""
    alike: dict[tuple[str, str], list[str]] = {}
    for (kind, name), one in before.items():
        other = after.get((kind, name))
        for patch in difference(one, other) if other else [_deletion(one)]:
            alike.setdefault((kind, text(patch)), []).append(name)
    return [{"target": _target(kind, names), "patch": patch} for (kind, patch), names in alike.items()]


def _target(kind: str, names: list[str]) -> Object:
    return {"kind": kind, "name": names[0] if len(names) == 1 else f"({'|'.join(names)})"}


def _deletion(one: Object) -> Any:
    return _identity(one) | DELETE


def _identity(one: Object) -> Object:
    # The target says which objects; a patch must only have some name.
    return {"apiVersion": one["apiVersion"], "kind": one["kind"], "metadata": {"name": "any"}}


def difference(before: Object, after: Object) -> Iterator[Any]:
    """The patches that make one object the other: of its variables, and of the rest."""
    before, after = copy.deepcopy(before), copy.deepcopy(after)
    pod = {
        kind: changed
        for kind in ("initContainers", "containers")
        if (changed := list(_changed_variables(_containers(before, kind), _containers(after, kind))))
    }
    if pod:
        yield _identity(before) | {"spec": {"template": {"spec": pod}}}
    operations = list(_operations((), before, after))
    if operations:
        yield operations


def _containers(one: Object, kind: str) -> list[Object]:
    template = one.get("spec", {}).get("template", {})
    found: list[Object] = template.get("spec", {}).get(kind, [])
    return found


def _changed_variables(before: list[Object], after: list[Object]) -> Iterator[Object]:
    """Containers with the variables that change; the variables are taken out of both."""
    for one, other in zip(before, after, strict=True):
        old = {variable["name"]: variable for variable in one.pop("env", [])}
        new = {variable["name"]: variable for variable in other.pop("env", [])}
        changed = [variable for name, variable in new.items() if old.get(name) != variable]
        changed += [{"name": name} | DELETE for name in old if name not in new]
        if changed:
            yield {"name": one["name"], "env": changed}


def _operations(path: tuple[Step, ...], before: Any, after: Any) -> Iterator[Object]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key not in after:
                yield {"op": "remove", "path": _pointer((*path, key))}
        for key, value in after.items():
            if key in before:
                yield from _operations((*path, key), before[key], value)
            else:
                yield {"op": "add", "path": _pointer((*path, key)), "value": value}
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_operations(path, before, after)
    else:
        yield {"op": "replace", "path": _pointer(path), "value": after}


def _list_operations(path: tuple[Step, ...], before: list[Any], after: list[Any]) -> Iterator[Object]:
    if len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _operations((*path, place), one, other)
    elif added := _absent(before, after):
        for place in added:
            # Where it is the last, it is so whatever others have added.
            end = place >= len(before)
            yield {"op": "add", "path": _pointer((*path, "-" if end else place)), "value": after[place]}
    elif gone := _absent(after, before):
        for place in reversed(gone):
            yield {"op": "remove", "path": _pointer((*path, place))}
    else:
        yield {"op": "replace", "path": _pointer(path), "value": after}


def _absent(shorter: list[Any], longer: list[Any]) -> list[int]:
    """The places in the longer list of what the shorter one lacks; none where it is not a part of it in its order."""
    absent, rest = [], list(shorter)
    for place, element in enumerate(longer):
        if rest and rest[0] == element:
            rest.pop(0)
        else:
            absent.append(place)
    return [] if rest else absent


def _pointer(path: tuple[Step, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
