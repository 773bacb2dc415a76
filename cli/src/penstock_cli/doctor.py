"""`penstock doctor`: what is wrong, and what to do about it."""

from typing import TYPE_CHECKING

from penstock_cli.client.options import Json, console
from penstock_cli.cluster.options import PENSTOCK, Context, Namespace, Release, cluster

if TYPE_CHECKING:
    from penstock_runtime.findings import Finding


def doctor(
    as_json: Json = False, namespace: Namespace = None, release: Release = PENSTOCK, context: Context = None
) -> None:
    """Look for what is wrong."""
    from penstock_cli.findings import end, show_findings

    found, where = on_cluster(namespace, release, context)
    show_findings(found, where, as_json=as_json)
    end(found)


def on_cluster(namespace: str | None, release: str, context: str | None) -> "tuple[list[Finding], str]":
    """What is wrong with a release, and where was looked. Raises ClusterError."""
    from penstock_cli.cluster.doctor import examine

    asked = cluster(namespace, context)
    with console(stderr=True).status("looking …") as status:
        found = examine(asked, release, lambda what: status.update(f"looking at {what} …"))
    return found, f"release {release} in namespace {asked.namespace}, and at its cluster"
