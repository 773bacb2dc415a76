"""What keeps Kubernetes from making the pods, the volumes and the tables."""

from collections.abc import Iterator

from penstock_cli.cluster.checks.pods import WIDEST
from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import Cluster, Object
from penstock_cli.cluster.snapshot import Snapshot, condition, is_going, last_words, name_of
from penstock_runtime.findings import Finding


def of_controllers(cluster: Cluster, seen: Snapshot) -> Iterator[Finding]:
    """Pods that were refused, volumes that nobody makes, Jobs that failed."""
    yield from _refused(seen)
    yield from _claims(seen)
    yield from _jobs(cluster, seen)


def _refused(seen: Snapshot) -> Iterator[Finding]:
    for one in seen.deployments:
        failed = condition(one, "ReplicaFailure")
        if failed.get("status") == "True":
            yield _refusal(f"deployment {name_of(one)}", str(failed.get("message", "")))
    for kind, plural in (("StatefulSet", seen.statefulsets), ("Job", seen.jobs)):
        for one in plural:
            wanted = one["spec"].get("replicas", 1) if kind == "StatefulSet" else one["spec"].get("parallelism", 1)
            status = one.get("status", {})
            made = status.get("replicas" if kind == "StatefulSet" else "active", 0) + status.get("succeeded", 0)
            events = seen.events_of(kind, [name_of(one)], "FailedCreate")
            if events and made < wanted and not condition(one, "Complete"):
                yield _refusal(f"{kind.lower()} {name_of(one)}", events[-1]["message"])


def _refusal(about: str, said: str) -> Finding:
    if "exceeded quota" in said or "must specify" in said:
        fix = "raise the namespace's quota (kubectl describe quota), or lower `resources` and replicas of the values"
        return Finding(Code.QUOTA, about, f"its pods are refused: {_sentence(said)}", fix)
    if "PodSecurity" in said:
        fix = "take back what loosens `securityContext`, or label the namespace for it"
        return Finding(Code.POD_SECURITY, about, f"its pods are refused: {_sentence(said)}", fix)
    if "LimitRange" in said or (("minimum" in said or "maximum" in said) and "usage" in said):
        fix = "set `resources` within the namespace's LimitRange (kubectl describe limitrange)"
        return Finding(Code.LIMIT_RANGE, about, f"its pods are refused: {_sentence(said)}", fix)
    return Finding(Code.PODS_REFUSED, about, f"its pods are refused: {_sentence(said)}", "do what it says")


def _sentence(said: str) -> str:
    """Without the name of the pod that was never made, and within bounds."""
    return " ".join(said.partition(" is forbidden: ")[2].split() or said.split())[:400]


def _claims(seen: Snapshot) -> Iterator[Finding]:
    for claim in seen.claims:
        if claim["status"].get("phase") == "Bound" or is_going(claim):
            continue
        events = seen.events_of("PersistentVolumeClaim", [name_of(claim)], "ProvisioningFailed", "FailedBinding")
        if claim["status"].get("phase") == "Lost":
            said = "its volume is gone"
        elif events:
            said = events[-1]["message"]
        else:
            continue  # it waits for its first pod, or is being made
        yield claim_pending(name_of(claim), said)


def claim_pending(name: str, said: str) -> Finding:
    """A volume that nobody makes."""
    return Finding(
        Code.NO_STORAGE,
        f"volume {name}",
        f"there is none: {said}",
        "name a storage class that is there (kubectl get storageclass) in `storageClass` of the values, or make one "
        "the default; or use servers of your own and storage.url",
    )


def _jobs(cluster: Cluster, seen: Snapshot) -> Iterator[Finding]:
    for job in seen.newest_job:
        failed = condition(job, "Failed")
        if failed.get("status") != "True":
            continue
        pods = [pod for pod in seen.pods if pod["metadata"].get("labels", {}).get("job-name") == name_of(job)]
        lines = _words(cluster, pods[-1]) if pods else []
        words = f"; it says: {' | '.join(line[:WIDEST] for line in lines)}" if lines else ""
        log = f"kubectl -n {seen.namespace} logs job/{name_of(job)} --all-containers"
        fix = f"mend what it says and deploy again; all of it: {log}"
        what = f"it failed ({failed.get('reason', '')}: {failed.get('message', '')}){words}"
        yield Finding(Code.MIGRATION_FAILED, f"job {name_of(job)}", what, fix)


def _words(cluster: Cluster, pod: Object) -> list[str]:
    """What the last container that ran said."""
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    for container in reversed(containers):
        if lines := last_words(cluster, name_of(pod), container["name"], lines=2):
            return lines
    return []
