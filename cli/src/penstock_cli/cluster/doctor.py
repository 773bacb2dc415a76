"""What is wrong with an installation on a cluster."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

from penstock_cli.cluster.checks.cluster import of_nodes, of_numbers, of_release
from penstock_cli.cluster.checks.controllers import of_controllers
from penstock_cli.cluster.checks.keda import of_keda, of_scaled_objects
from penstock_cli.cluster.checks.network import of_network
from penstock_cli.cluster.checks.pods import of_pods
from penstock_cli.cluster.codes import Code
from penstock_cli.cluster.connection import Cluster
from penstock_cli.cluster.helm import Helm, HelmError
from penstock_cli.cluster.inside import of_neighbours
from penstock_cli.cluster.leftovers import is_leftover
from penstock_cli.cluster.snapshot import Snapshot, take
from penstock_runtime.findings import Finding

DEPLOYED = "deployed"
"""Helm's word for a release whose last upgrade went well: what failed before it is history."""

MAKERS = ("deployments", "statefulsets")


def examine(cluster: Cluster, release: str, tell: Callable[[str], None]) -> list[Finding]:
    """All that is wrong with a release. `tell` is told what is looked at. Raises ClusterError."""
    tell("what is there")
    seen = take(cluster, release)
    if seen.is_empty:
        return [
            Finding(
                Code.NOT_INSTALLED,
                f"namespace {cluster.namespace}",
                f"there is nothing of a release {release} in it",
                f"penstock deploy -n {cluster.namespace} --release {release}; or name the right ones, -n and --release",
            )
        ]
    status = _status(cluster, release)
    if status == DEPLOYED:
        seen = replace(seen, jobs=[job for job in seen.jobs if not is_leftover(job)])
    found = list(of_release(cluster.namespace, release, status))
    for what, look in _looks(cluster, seen):
        tell(what)
        found += look()
    return found


def _status(cluster: Cluster, release: str) -> str | None:
    """What Helm says; None without a helm, or where something else installed it."""
    try:
        return asyncio.run(Helm(release, cluster.namespace, cluster.context, ".").status())
    except HelmError:
        return None


def _looks(cluster: Cluster, seen: Snapshot) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    yield "nodes", lambda: of_nodes(cluster)
    yield "pods, volumes and Jobs", lambda: of_controllers(cluster, seen)
    yield "pods", lambda: of_pods(cluster, seen)
    yield "numbers of pods", lambda: of_numbers(seen)
    if seen.scaled:
        yield "KEDA", lambda: of_keda(cluster)
        yield "what KEDA makes of the queues", lambda: of_scaled_objects(seen)
        makers = [one for kind in MAKERS for one in getattr(seen, kind)]
        yield "network policies", lambda: of_network(cluster, makers, seen.policies)
    yield "Redis, PostgreSQL and the ledger, from inside", lambda: of_neighbours(cluster, seen)
