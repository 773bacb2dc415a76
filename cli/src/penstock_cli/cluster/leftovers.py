"""Jobs of migrations that failed in an upgrade: Helm leaves them to be read, and does not take them away."""

from penstock_cli.cluster.connection import Cluster, Object
from penstock_cli.cluster.snapshot import Snapshot, condition, name_of

HOOK = "helm.sh/hook"


def is_leftover(job: Object) -> bool:
    """Whether it is a hook of Helm's that has failed."""
    hooked = HOOK in (job["metadata"].get("annotations") or {})
    return hooked and condition(job, "Failed").get("status") == "True"


def forget(cluster: Cluster, seen: Snapshot) -> None:
    """Delete them, with their pods. Raises ClusterError."""
    for job in filter(is_leftover, seen.jobs):
        cluster.delete(cluster.group("batch/v1", f"jobs/{name_of(job)}"), propagationPolicy="Background")
