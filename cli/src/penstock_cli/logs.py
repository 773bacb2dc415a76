"""`penstock logs`: what every process wrote about one job."""

from typing import TYPE_CHECKING, Annotated

import typer

from penstock_cli.client.options import HERE, Json, State, console, print_json
from penstock_cli.cluster.options import PENSTOCK, Context, Namespace, Release, cluster

if TYPE_CHECKING:
    from penstock_cli.job_logs import Line


def logs(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.", show_default=False)],
    as_json: Json = False,
    state: State = HERE,
    namespace: Namespace = None,
    release: Release = PENSTOCK,
    context: Context = None,
) -> None:
    """Show what every process wrote about one job, the oldest line first.

    With -n or --context of the pods on a cluster, else of the suite that runs, or ran, on the state folder. A pod that
    is gone has taken its log along: a log collector keeps it.

    ```
    penstock logs 0199d2c5-6f4e-7c1a-9a53-0d7f0f6f3c11 -n jobs
    ```
    """
    from penstock_cli.job_logs import LogsError, check, in_folder

    check(job)
    if namespace is None and context is None:
        found, where = in_folder(job, state), f"the logs of {state}"
    else:
        from penstock_cli.cluster.pod_logs import in_pods

        asked = cluster(namespace, context)
        found, where = in_pods(asked, release, job), f"the pods of {release} in {asked.namespace} that are there now"
    if not found:
        raise LogsError(f"no line in {where} names this job; `penstock jobs show {job}` says what became of it")
    _show(found, as_json=as_json)


def _show(lines: "list[Line]", *, as_json: bool) -> None:
    for line in lines:
        if as_json:
            print_json(line.as_json())
        else:
            console().print(line.as_text(), soft_wrap=True)
