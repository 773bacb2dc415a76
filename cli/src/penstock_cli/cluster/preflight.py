"""What is looked at before anything is changed on a cluster."""

from collections.abc import Callable, Iterator

from penstock_cli.cluster.checks.images import of_images
from penstock_cli.cluster.checks.keda import of_keda
from penstock_cli.cluster.checks.needs import of_needs
from penstock_cli.cluster.checks.network import of_network
from penstock_cli.cluster.checks.rights import of_rights
from penstock_cli.cluster.connection import Cluster, Object
from penstock_runtime.findings import Finding

Step = tuple[str, Callable[[], Iterator[Finding]]]
"""What a step looks at, and how."""


def steps(cluster: Cluster, objects: list[Object]) -> list[Step]:
    """What needs no namespace, in the order in which it is best mended. `objects`: the rendered ones."""
    scaled = any(one["kind"] == "ScaledObject" for one in objects)
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    found: list[Step] = [("your rights", lambda: of_rights(cluster, objects))]
    if scaled:
        found.append(("KEDA", lambda: of_keda(cluster)))
        found.append(("network policies", lambda: of_network(cluster, objects, policies)))
    found.append(("Secrets and storage classes", lambda: of_needs(cluster, objects)))
    return found


def images(cluster: Cluster, release: str, objects: list[Object], *, seconds: float) -> Step:
    """The last step, for which the namespace must be there."""
    return ("images", lambda: of_images(cluster, release, objects, seconds=seconds))
