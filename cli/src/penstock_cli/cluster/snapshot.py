"""What there is of one installation in its namespace, at one moment."""

from collections.abc import Iterable
from dataclasses import dataclass

from penstock_cli.cluster.connection import Cluster, ClusterError, Object

INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"

MOST_EVENTS = "2000"
"""Events of a namespace that are read; Kubernetes forgets them after an hour."""


@dataclass(frozen=True)
class Snapshot:
    """Objects of one release, and the events of its namespace, the latest last."""

    namespace: str
    deployments: list[Object]
    statefulsets: list[Object]
    jobs: list[Object]
    pods: list[Object]
    claims: list[Object]
    scaled: list[Object]
    autoscalers: list[Object]
    policies: list[Object]
    events: list[Object]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of it."""
        return not (self.deployments or self.statefulsets)

    @property
    def newest_job(self) -> list[Object]:
        """The Job that migrated last, or is to. One that failed before it is history, and is kept to be read."""
        return sorted(self.jobs, key=lambda job: str(job["metadata"].get("creationTimestamp", "")))[-1:]

    def events_of(self, kind: str, names: Iterable[str], *reasons: str) -> list[Object]:
        """Events that concern these objects, of these reasons where some are given."""
        wanted = set(names)
        return [
            event
            for event in self.events
            if event["involvedObject"].get("kind") == kind
            and event["involvedObject"].get("name") in wanted
            and (not reasons or event.get("reason") in reasons)
        ]


def take(cluster: Cluster, release: str) -> Snapshot:
    """Look at an installation. Raises ClusterError."""
    own = {"labelSelector": f"{INSTANCE}={release}"}
    apps = {kind: cluster.items(cluster.group("apps/v1", kind), **own) for kind in ("deployments", "statefulsets")}
    return Snapshot(
        cluster.namespace,
        **apps,
        jobs=cluster.items(cluster.group("batch/v1", "jobs"), **own),
        pods=cluster.items(f"{cluster.path}/pods", **own),
        claims=cluster.items(f"{cluster.path}/persistentvolumeclaims", **own),
        scaled=cluster.items(cluster.group("keda.sh/v1alpha1", "scaledobjects"), **own),
        autoscalers=cluster.items(cluster.group("autoscaling/v2", "horizontalpodautoscalers")),
        policies=cluster.items(cluster.group("networking.k8s.io/v1", "networkpolicies")),
        events=sorted(cluster.items(f"{cluster.path}/events", limit=MOST_EVENTS), key=event_time),
    )


def event_time(event: Object) -> str:
    """When it was last seen, in a form that sorts."""
    times = (event.get("lastTimestamp"), event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    return str(next((time for time in times if time), ""))


def name_of(one: Object) -> str:
    """An object's name."""
    return str(one["metadata"]["name"])


def condition(one: Object, kind: str) -> Object:
    """One of an object's conditions; empty where it has none of that kind."""
    conditions = one.get("status", {}).get("conditions") or []
    return next((found for found in conditions if found.get("type") == kind), {})


def is_ready(pod: Object) -> bool:
    """Whether its containers answer their readiness probes."""
    return bool(condition(pod, "Ready").get("status") == "True")


def is_going(one: Object) -> bool:
    """Whether it is being deleted."""
    return bool(one["metadata"].get("deletionTimestamp"))


def last_words(cluster: Cluster, pod: str, container: str, *, previous: bool = False, lines: int = 5) -> list[str]:
    """The last lines of a container's log; empty where there is none."""
    more = {"previous": "true"} if previous else {}
    try:
        said = cluster.log(pod, container=container, tailLines=str(lines), limitBytes="100000", **more)
    except ClusterError:
        return []
    return [line.rstrip() for line in said.splitlines() if line.strip()]
