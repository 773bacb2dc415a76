"""KEDA, and what it makes of the queues."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import FORBIDDEN, Cluster, ClusterError, Object
from penstock_cli.cluster.snapshot import Snapshot, condition, event_time, is_ready, name_of
from penstock_runtime.findings import Finding, Level

PAUSED = "autoscaling.keda.sh/paused"
PAUSED_AT = "autoscaling.keda.sh/paused-replicas"

METRICS = "v1beta1.external.metrics.k8s.io"

LATELY = timedelta(minutes=3)
"""How old an event may be to be true now."""

INSTALL = (
    "install KEDA 2.21 or newer into the cluster (its own Helm chart, kedacore/keda), or set autoscaling.enabled=false"
)


def of_keda(cluster: Cluster) -> Iterator[Finding]:
    """Whether there is a KEDA that works. What may not be looked at is not judged."""
    kinds = (cluster.find("/apis/keda.sh/v1alpha1") or {}).get("resources", [])
    if not any(one["name"] == "scaledobjects" for one in kinds):
        yield Finding(
            Code.KEDA_MISSING, "KEDA", "this cluster has no KEDA (no ScaledObject of keda.sh/v1alpha1)", INSTALL
        )
        return
    try:
        operators = operator_pods(cluster)
        if not any(is_ready(pod) for pod in operators):
            yield _down(cluster, operators)
        service = cluster.find(f"/apis/apiregistration.k8s.io/v1/apiservices/{METRICS}")
    except ClusterError as error:
        if error.status != FORBIDDEN:
            raise
        return
    available = condition(service or {}, "Available")
    if available.get("status") != "True":
        yield Finding(
            Code.KEDA_METRICS_DOWN,
            "KEDA",
            f"nobody serves external.metrics.k8s.io: {available.get('message', 'it is not registered')}",
            "look at KEDA's metrics server: kubectl get pods -A -l app=keda-metrics-apiserver. Without it workers come "
            "from none to one, and no further",
        )


def operator_pods(cluster: Cluster) -> list[Object]:
    """KEDA's operator, in whatever namespace it is."""
    for selector in ("app=keda-operator", "app.kubernetes.io/name=keda-operator"):
        if found := cluster.items("/api/v1/pods", labelSelector=selector):
            return found
    return []


def _down(cluster: Cluster, pods: list[Object]) -> Finding:
    where = pods[0]["metadata"]["namespace"] if pods else "keda"
    said = f"of {len(pods)} pods of its operator none is ready" if pods else "its operator has no pod"
    fix = f"kubectl -n {where} get pods; kubectl -n {where} scale deployment keda-operator --replicas=1"
    return Finding(Code.KEDA_DOWN, "KEDA", f"it does not run: {said}, so nothing is scaled", fix)


def of_scaled_objects(seen: Snapshot) -> Iterator[Finding]:
    """What KEDA says of each queue's worker."""
    autoscalers = {_scaled_by(one): one for one in seen.autoscalers}
    for one in seen.scaled:
        yield from _paused(seen.namespace, one)
        found = _not_counting(seen, one, autoscalers.get(name_of(one)))
        if found is not None:
            yield found


def _scaled_by(autoscaler: Object) -> str:
    return str(autoscaler["metadata"].get("labels", {}).get("scaledobject.keda.sh/name", ""))


def _paused(namespace: str, one: Object) -> Iterator[Finding]:
    notes = one["metadata"].get("annotations") or {}
    given = [f"{name}={notes[name]}" for name in (PAUSED, PAUSED_AT) if notes.get(name, "false") != "false"]
    if not given:
        return
    names = " ".join(f"{name}-" for name in (PAUSED, PAUSED_AT) if name in notes)
    yield Finding(
        Code.SCALER_PAUSED,
        f"scaledobject {name_of(one)}",
        f"KEDA does not scale it ({', '.join(given)}), whatever waits",
        f"kubectl -n {namespace} annotate scaledobject {name_of(one)} {names}",
        Level.WARNING,
    )


def _not_counting(seen: Snapshot, one: Object, autoscaler: Object | None) -> Finding | None:
    about = f"scaledobject {name_of(one)}"
    ready = condition(one, "Ready")
    if ready.get("status") == "False":
        return Finding(Code.SCALER_NOT_READY, about, f"KEDA refuses it: {ready.get('message', '')}", _fix(seen, one))
    since = (datetime.now(UTC) - LATELY).isoformat()
    events = seen.events_of("ScaledObject", [name_of(one)])
    failed = [event for event in events if event.get("type") == "Warning" and event_time(event) >= since]
    health = one.get("status", {}).get("health") or {}
    failing = [name for name, found in health.items() if found.get("status") == "Failing"]
    if failed and (failing or condition(one, "Active").get("status") != "True"):
        return Finding(Code.SCALER_BLIND, about, f"KEDA cannot count: {failed[-1]['message']}", _fix(seen, one))
    if failing or condition(one, "Fallback").get("status") == "True":
        said = f"KEDA could not count {', '.join(failing) or 'its queue'} of late, and keeps the pods as they are"
        return Finding(Code.SCALER_BLIND, about, said, _fix(seen, one))
    active = condition(autoscaler or {}, "ScalingActive")
    if active.get("status") == "False" and active.get("reason") == "FailedGetExternalMetric":
        return Finding(
            Code.SCALER_BLIND, about, f"its autoscaler gets no figure: {active.get('message', '')}", _fix(seen, one)
        )
    return None


def _fix(seen: Snapshot, one: Object) -> str:
    return (
        "KEDA's operator must reach the broker: networkPolicy.kedaNamespace and kedaPodLabels, the password and CA in "
        f"its Secret, host and database; kubectl -n {seen.namespace} describe scaledobject {name_of(one)}"
    )
