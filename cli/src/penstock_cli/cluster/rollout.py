"""How far an installation has come: each part's pods, and when all is there."""

from collections.abc import Iterator
from dataclasses import dataclass

from penstock_cli.cluster.connection import Object
from penstock_cli.cluster.snapshot import Snapshot, condition, name_of


@dataclass(frozen=True)
class Part:
    """One Deployment, StatefulSet, Job or ScaledObject. `says`: where it is, for people."""

    name: str
    done: bool
    says: str


def parts(seen: Snapshot) -> list[Part]:
    """All parts, servers first."""
    return [
        *(_statefulset(one) for one in seen.statefulsets),
        *(_job(one) for one in seen.newest_job),
        *(_deployment(one) for one in seen.deployments),
        *_scaled(seen),
    ]


def _statefulset(one: Object) -> Part:
    status, wanted = one.get("status", {}), one["spec"].get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", status.get("currentReplicas", 0))
    current = status.get("currentRevision") == status.get("updateRevision")
    done = _is_seen(one) and ready == wanted and (current or updated == wanted)
    return Part(name_of(one), done, _of(min(ready, updated) if not current else ready, wanted))


def _deployment(one: Object) -> Part:
    status, wanted = one.get("status", {}), one["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    done = _is_seen(one) and updated >= wanted and available >= wanted and not old
    says = _of(min(updated, available), wanted) if wanted else "none now"
    return Part(name_of(one), done, f"{says}, {old} of the version before" if old > 0 else says)


def _job(one: Object) -> Part:
    done = condition(one, "Complete").get("status") == "True"
    failed = condition(one, "Failed").get("status") == "True"
    return Part(name_of(one), done, "done" if done else "failed" if failed else "at work")


def _scaled(seen: Snapshot) -> Iterator[Part]:
    """KEDA takes up what scales the workers; told as one part."""
    if seen.scaled:
        ready = [one for one in seen.scaled if condition(one, "Ready").get("status") == "True"]
        yield Part("KEDA", len(ready) == len(seen.scaled), f"scales {len(ready)} of {len(seen.scaled)} workers")


def _is_seen(one: Object) -> bool:
    """Whether Kubernetes has seen the latest of what is wanted."""
    return bool(one.get("status", {}).get("observedGeneration", 0) >= one["metadata"].get("generation", 0))


def _of(ready: int, wanted: int) -> str:
    return f"{ready} of {wanted} ready"
