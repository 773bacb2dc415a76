"""What a pod of the suite sees: commands that run in one, and print JSON."""

import json
from collections.abc import Iterator
from typing import Any

from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import Cluster, ClusterError, Object
from penstock_cli.cluster.snapshot import COMPONENT, Snapshot, is_going, name_of
from penstock_cli.findings import read_findings
from penstock_runtime.errors import PenstockError
from penstock_runtime.findings import Finding, Level

ORDER = ("api", "scheduler")
"""Components in whose pods one looks first; workers after them."""

NO_IMAGE_OF_OURS = ("redis", "postgresql", "rabbitmq", "test")

SECONDS = 60.0
"""For one command in a pod."""


class NoPod(PenstockError):
    """No pod of the suite runs in which a command could."""

    code = "no_pod"


def run(cluster: Cluster, seen: Snapshot, module: str) -> Any:
    """The JSON that `python -m module` prints in a pod of the suite. Raises NoPod, ClusterError."""
    pods = sorted(_running(seen), key=_rank)
    if not pods:
        raise NoPod(f"no pod of the suite runs in {seen.namespace}, so nothing can be seen from inside")
    failed: ClusterError | None = None
    for pod in pods[: len(ORDER) + 1]:
        container = pod["spec"]["containers"][0]["name"]
        try:
            return json.loads(cluster.execute(name_of(pod), container, ["python", "-m", module], seconds=SECONDS))
        except ClusterError as error:
            failed = failed or error
        except ValueError:
            failed = ClusterError(f"python -m {module} in {name_of(pod)} printed no JSON; is it an older version?")
    assert failed is not None
    raise failed


def of_neighbours(cluster: Cluster, seen: Snapshot) -> Iterator[Finding]:
    """Redis, PostgreSQL, the queues and the ledger, as a pod sees them."""
    try:
        yield from read_findings(json.dumps(run(cluster, seen, "penstock_runtime.doctor")))
    except (NoPod, ClusterError) as error:
        fix = "mend what else is told here; looking from inside takes a running pod and the right to `kubectl exec`"
        yield Finding(Code.INSIDE_UNSEEN, "the suite", error.message, fix, Level.WARNING)


def _running(seen: Snapshot) -> Iterator[Object]:
    for pod in seen.pods:
        statuses = pod["status"].get("containerStatuses") or [{}]
        runs = "running" in statuses[0].get("state", {})
        if runs and not is_going(pod) and _component(pod) not in NO_IMAGE_OF_OURS:
            yield pod


def _rank(pod: Object) -> int:
    component = _component(pod)
    return ORDER.index(component) if component in ORDER else len(ORDER)


def _component(pod: Object) -> str:
    return str(pod["metadata"].get("labels", {}).get(COMPONENT, ""))
