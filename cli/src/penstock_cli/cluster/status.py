"""Each queue on a cluster: what waits, what runs, the pods for it, and what KEDA makes of it."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import Cluster, ClusterError, Object
from penstock_cli.cluster.inside import NoPod, run
from penstock_cli.cluster.snapshot import Snapshot, condition, event_time, name_of, take
from penstock_runtime.errors import PenstockError

QUEUES = re.compile(r"(?:^| )(?:-Q|--queues)[ =]?([^ ]+)")
SCALED = re.compile(
    r"Scaled (?:up|down) replica set \S+ (?:from (?P<a>\d+) to (?P<b>\d+)|to (?P<d>\d+) from (?P<c>\d+))"
)
"""In the words of newer Kubernetes, and of older ones."""

SCALE_EVENT = "ScalingReplicaSet"


class NothingThere(PenstockError):
    """There is no such release."""

    code = Code.NOT_INSTALLED


@dataclass(frozen=True)
class Row:
    """One worker and its queue. None is what cannot be seen.

    keda: the conditions that KEDA gives it. keda_counts: what it counts, waiting and in flight together; ours are
    `queued` and `in_flight`. oldest: seconds. scaled: the last change of the number of pods, and when.
    """

    queue: str
    worker: str
    queued: dict[str, int] | None
    in_flight: int | None
    oldest: float | None
    exact: bool
    paused: bool
    pods: int
    ready: int
    least: int | None
    most: int | None
    keda: str | None
    keda_counts: float | None
    scaled: str | None
    scaled_at: str | None


@dataclass(frozen=True)
class Status:
    """All workers, and why figures are missing where some are."""

    rows: list[Row]
    missing: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def look(cluster: Cluster, release: str) -> Status:
    """The status of a release now. Raises NothingThere, ClusterError."""
    seen = take(cluster, release)
    if seen.is_empty:
        raise NothingThere(
            f"there is nothing of a release {release} in the namespace {cluster.namespace}; `penstock deploy -n "
            f"{cluster.namespace}` installs it, -n and --release name another one"
        )
    figures, missing = _figures(cluster, seen)
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one for one in seen.scaled}
    workers = [(one, queue) for one in seen.deployments if (queue := _queue(one, scaled.get(name_of(one))))]
    rows = [_row(cluster, seen, one, queue, scaled.get(name_of(one)), figures.get(queue, {})) for one, queue in workers]
    return Status(sorted(rows, key=lambda row: (row.queue, row.worker)), missing)


def _figures(cluster: Cluster, seen: Snapshot) -> tuple[dict[str, Object], str]:
    try:
        return {one["queue"]: one for one in run(cluster, seen, "penstock_runtime.queues_now")}, ""
    except (NoPod, ClusterError) as error:
        return {}, error.message


def _queue(deployment: Object, scaled: Object | None) -> str:
    """The queue that a Deployment works on; empty where it is no worker."""
    for trigger in (scaled or {}).get("spec", {}).get("triggers", []):
        if trigger.get("name") == "normal":
            return str(trigger["metadata"].get("listName") or trigger["metadata"].get("queueName", ""))
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        line = " ".join([*container.get("command", []), *container.get("args", [])])
        if found := QUEUES.search(line):
            return found[1]
    return ""


def _row(cluster: Cluster, seen: Snapshot, one: Object, queue: str, scaled: Object | None, figures: Object) -> Row:
    status, spec = one.get("status", {}), (scaled or {}).get("spec", {})
    change, at = _last_scale(seen, name_of(one))
    return Row(
        queue=queue,
        worker=name_of(one),
        queued=figures.get("queued"),
        in_flight=figures.get("in_flight"),
        oldest=figures.get("oldest"),
        exact=figures.get("exact", True),
        paused=figures.get("paused", False),
        pods=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        least=spec.get("minReplicaCount", 0) if scaled else None,
        most=spec.get("maxReplicaCount") if scaled else None,
        keda=_condition(scaled) if scaled else None,
        keda_counts=_counted(cluster, scaled) if scaled else None,
        scaled=change,
        scaled_at=at,
    )


def _condition(scaled: Object) -> str:
    """KEDA's word in one: the worst of its conditions."""
    health = scaled.get("status", {}).get("health") or {}
    if condition(scaled, "Paused").get("status") == "True":
        return "paused"
    if condition(scaled, "Ready").get("status") != "True":
        return "not ready"
    if condition(scaled, "Fallback").get("status") == "True":
        return "fallback"
    if any(one.get("status") == "Failing" for one in health.values()):
        return "failing"
    return "active" if condition(scaled, "Active").get("status") == "True" else "idle"


def _counted(cluster: Cluster, scaled: Object) -> float | None:
    """What the autoscaler would be told now."""
    metric = scaled.get("status", {}).get("compositeScalerName") or next(
        iter(scaled.get("status", {}).get("externalMetricNames") or []), None
    )
    if metric is None:
        return None
    path = cluster.group("external.metrics.k8s.io/v1beta1", metric)
    try:
        found = cluster.items(path, labelSelector=f"scaledobject.keda.sh/name={name_of(scaled)}")
    except ClusterError:
        return None
    return sum(_number(one["value"]) for one in found) if found else None


def _number(quantity: str) -> float:
    """A quantity as Kubernetes writes numbers: 3, 1500m, 2k."""
    scale = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
    return float(quantity[:-1]) * scale[quantity[-1]] if quantity[-1] in scale else float(quantity)


def _last_scale(seen: Snapshot, deployment: str) -> tuple[str | None, str | None]:
    for event in reversed(seen.events_of("Deployment", [deployment], SCALE_EVENT)):
        if found := SCALED.match(event.get("message", "")):
            return f"{found['a'] or found['c']} → {found['b'] or found['d']}", event_time(event)
    return None, None


def since(time: str | None) -> float | None:
    """Seconds since an event."""
    return None if not time else max(0.0, (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())
