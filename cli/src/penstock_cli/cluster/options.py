"""What the commands that ask a cluster have in common."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from penstock_cli.cluster.connection import Cluster

PENSTOCK = "penstock"

Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="The namespace.", show_default="that of the kubeconfig's context"),
]
Context = Annotated[
    str | None, typer.Option("--context", help="The kubeconfig's context.", show_default="the current one")
]
Release = Annotated[str, typer.Option("--release", help="The name of the installation.")]


def cluster(namespace: str | None, context: str | None) -> "Cluster":
    """The cluster that is meant. Raises ClusterError."""
    from penstock_cli.cluster.connection import connect

    return connect(namespace, context)
