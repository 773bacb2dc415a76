"""Taking a release away from a cluster."""

import asyncio
from collections.abc import Iterator

from penstock_cli.cluster.connection import Cluster, ClusterError
from penstock_cli.cluster.helm import Helm
from penstock_cli.cluster.leftovers import forget
from penstock_cli.cluster.snapshot import name_of, take


def uninstall(cluster: Cluster, release: str, *, volumes: bool, seconds: int) -> Iterator[str]:
    """Uninstall; with `volumes` delete what the release kept, too. Yields what is to be known.

    Raises ClusterError where there is no such release, HelmError where Helm cannot.
    """
    helm = Helm(release, cluster.namespace, cluster.context, ".")
    if asyncio.run(helm.status()) is None and not volumes:
        raise ClusterError(f"Helm knows no release {release} in the namespace {cluster.namespace} (helm list -A)")
    asyncio.run(helm.uninstall(seconds=seconds))
    seen = take(cluster, release)
    forget(cluster, seen)
    if seen.pods:
        yield f"still at work, and gone when their jobs have ended: {', '.join(map(name_of, seen.pods))}"
    for claim in seen.claims:
        if volumes:
            cluster.delete(f"{cluster.path}/persistentvolumeclaims/{name_of(claim)}")
        else:
            yield f"the volume {name_of(claim)} stays; --volumes deletes it"
