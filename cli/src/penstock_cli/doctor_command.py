"""`penstock doctor`."""

from typing import TYPE_CHECKING

from penstock_cli.client.options import HERE, Json, State, console
from penstock_cli.cluster.options import PENSTOCK, Context, Namespace, Release, cluster

if TYPE_CHECKING:
    from penstock_runtime.findings import Finding


def doctor(
    as_json: Json = False,
    state: State = HERE,
    namespace: Namespace = None,
    release: Release = PENSTOCK,
    context: Context = None,
) -> None:
    """Say what is wrong, each thing in a line, and how to mend it.

    With -n or --context on a cluster: nodes, pods, volumes, KEDA, network policies, and what a pod of the suite sees.
    Else on this machine: the Redis, the PostgreSQL and the storage that the settings name, or those of the suite that
    runs on the state folder; the queues and jobs in them; and the state folder. Status 3: there is an error.

    ```
    penstock doctor
    penstock doctor -n jobs
    penstock doctor -n jobs --json | jq -r '.[] | .code + " " + .about'
    ```
    """
    from penstock_cli.findings import end, show_findings

    if namespace is None and context is None:
        from penstock_cli.doctor import examine_here

        found, where = examine_here(state)
    else:
        found, where = _on_cluster(namespace, release, context)
    show_findings(found, where, as_json=as_json)
    end(found)


def _on_cluster(namespace: str | None, release: str, context: str | None) -> "tuple[list[Finding], str]":
    """What is wrong with a release, and where was looked. Raises ClusterError."""
    from penstock_cli.cluster.doctor import examine

    asked = cluster(namespace, context)
    with console(stderr=True).status("looking …") as status:
        found = examine(asked, release, lambda what: status.update(f"looking at {what} …"))
    return found, f"release {release} in namespace {asked.namespace}, and at its cluster"
