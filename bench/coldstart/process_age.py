"""When the process of a pod began, by its age: the cluster tells it in whole seconds, and late."""

import time

from penstock_cli.cluster.connection import Cluster, Object
from penstock_cli.cluster.snapshot import name_of

TICKS = 100
"""In which Linux counts a second, in /proc on every platform that it has."""

TRIES = 3
UPTIME, STAT = "/proc/uptime", "/proc/1/stat"


def began(cluster: Cluster, pod: Object) -> float:
    """When PID 1 of its first container began, by `time.monotonic`. Raises ClusterError.

    It is asked in the pod, three times: the quickest answer is off by half of its time at most.
    """
    answers = []
    for _ in range(TRIES):
        asked = time.monotonic()
        said = cluster.execute(name_of(pod), pod["spec"]["containers"][0]["name"], ["cat", UPTIME, STAT])
        answered = time.monotonic()
        answers.append((answered - asked, (asked + answered) / 2 - age(said)))
    return min(answers)[1]


def age(said: str) -> float:
    """Seconds that PID 1 had lived when both files were read."""
    uptime, _, stat = said.partition("\n")
    # The command's name stands in parentheses and may have spaces; the start is the 20th field behind it.
    return float(uptime.split()[0]) - int(stat.rpartition(")")[2].split()[19]) / TICKS
