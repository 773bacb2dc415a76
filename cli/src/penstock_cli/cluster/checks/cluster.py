"""What is wrong with the installation as a whole, and with the nodes under it."""

from collections.abc import Iterator

from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import FORBIDDEN, Cluster, ClusterError
from penstock_cli.cluster.helm import PENDING
from penstock_cli.cluster.snapshot import COMPONENT, Snapshot, condition, name_of
from penstock_runtime.findings import Finding, Level

PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure")

STEADY = ("api", "scheduler")
"""What must always have a pod."""


def of_release(namespace: str, release: str, status: str | None) -> Iterator[Finding]:
    """What Helm says of it; `status` None: it is not Helm's."""
    about = f"release {release}"
    if status in PENDING:
        back = f"helm -n {namespace} rollback {release}"
        away = f"penstock uninstall -n {namespace} --release {release}, and deploy again; volumes stay"
        fix = back if status in ("pending-upgrade", "pending-rollback") else away
        what = f"Helm takes it for {status}: something is at work on it, or was stopped in the middle"
        yield Finding(Code.RELEASE_STUCK, about, what, f"if nothing is at work: {fix}")
    elif status == "failed":
        fix = "mend what else is told here, and deploy again"
        yield Finding(Code.RELEASE_FAILED, about, "its last installation or upgrade failed", fix, Level.WARNING)


def of_owner(seen: Snapshot, release: str, status: str | None) -> Iterator[Finding]:
    """Whether what is there was made by something else than Helm, which then does not touch it."""
    if status is None and (seen.deployments or seen.statefulsets):
        what = "there are objects of a release of this name, and Helm did not make them: kubectl did, say"
        where = f"kubectl -n {seen.namespace} delete deployments,statefulsets -l app.kubernetes.io/instance={release}"
        fix = f"go on with kubectl apply -k, choose another --release, or delete them first ({where} …)"
        yield Finding(Code.NOT_HELMS, f"namespace {seen.namespace}", what, fix)


def of_numbers(seen: Snapshot) -> Iterator[Finding]:
    """Parts that were told to have no pod, and workers that are at their maximum."""
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one for one in seen.scaled}
    for one in seen.deployments:
        name = name_of(one)
        if one["spec"].get("replicas") == 0 and name not in scaled:
            steady = one["metadata"].get("labels", {}).get(COMPONENT) in STEADY
            fix = f"kubectl -n {seen.namespace} scale deployment {name} --replicas=1, or deploy again"
            level = Level.ERROR if steady else Level.WARNING
            yield Finding(Code.NO_PODS, f"deployment {name}", "it is told to have no pod", fix, level)
    for one in seen.autoscalers:
        limited = condition(one, "ScalingLimited")
        if one["spec"]["scaleTargetRef"]["name"] in scaled and limited.get("reason") == "TooManyReplicas":
            yield Finding(
                Code.AT_MAXIMUM,
                f"deployment {one['spec']['scaleTargetRef']['name']}",
                f"more pods are wanted than its maximum, {one['spec']['maxReplicas']}",
                "raise `autoscaling.maxReplicas` or `concurrency` of its values, if what the jobs wait for can take it",
                Level.WARNING,
            )


def of_nodes(cluster: Cluster) -> Iterator[Finding]:
    """Nodes that are not well. What may not be looked at is not judged."""
    try:
        nodes = cluster.items("/api/v1/nodes")
    except ClusterError as error:
        if error.status != FORBIDDEN:
            raise
        return
    for node in nodes:
        ready = condition(node, "Ready")
        wrong = [kind for kind in PRESSURES if condition(node, kind).get("status") == "True"]
        if ready.get("status") != "True":
            wrong.append(f"not ready ({ready.get('message', '')})")
        if node["spec"].get("unschedulable"):
            fix = f"kubectl uncordon {name_of(node)}, when what it was cordoned for is done"
            yield Finding(Code.NODE_UNWELL, f"node {name_of(node)}", "it takes no new pod", fix, Level.WARNING)
        if wrong:
            fix = f"kubectl describe node {name_of(node)}; it takes no pod, and may put some out"
            yield Finding(Code.NODE_UNWELL, f"node {name_of(node)}", ", ".join(wrong), fix)
