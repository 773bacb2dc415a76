"""The log lines of one job in all pods of a release."""

from concurrent.futures import ThreadPoolExecutor

from penstock_cli.cluster.connection import Cluster, ClusterError
from penstock_cli.cluster.snapshot import INSTANCE, name_of
from penstock_cli.job_logs import Line, in_order, lines_of

AT_ONCE = 8
"""Logs that are read at a time."""

MOST_BYTES = 20_000_000
"""Of one container's log; the kubelet keeps 10 MiB in a file unless it is told otherwise."""

Log = tuple[str, str, bool]
"""A pod, a container, and whether the one before its last start is meant."""


def in_pods(cluster: Cluster, release: str, job: str) -> list[Line]:
    """Of every pod there is, also of containers that were started again. Raises ClusterError."""
    pods = cluster.items(f"{cluster.path}/pods", labelSelector=f"{INSTANCE}={release}")
    logs: list[Log] = []
    for pod in pods:
        for status in pod["status"].get("containerStatuses") or []:
            logs += [(name_of(pod), status["name"], True)] if status.get("restartCount") else []
            logs.append((name_of(pod), status["name"], False))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda log: _in_log(cluster, job, log), logs)
    return in_order(line for lines in found for line in lines)


def _in_log(cluster: Cluster, job: str, log: Log) -> list[Line]:
    pod, container, previous = log
    more = {"previous": "true"} if previous else {}
    try:
        said = cluster.log(pod, container=container, limitBytes=str(MOST_BYTES), **more)
    except ClusterError as error:
        if error.code != "cluster_refused":
            raise
        return []  # it is gone, or has not begun
    return list(lines_of(job, pod, said.splitlines()))
