"""`penstock deploy`, `status`, `uninstall`: the suite on a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from penstock_cli.client.options import Json, console, tell
from penstock_cli.cluster.options import PENSTOCK, Context, Namespace, Release, cluster

# What a command needs is imported within it, as in `main`.

Chart = Annotated[
    str | None,
    typer.Option(help="The chart: a folder, an archive, or an oci:// address.", show_default="charts/penstock here"),
]


def deploy(
    files: Annotated[
        list[Path] | None, typer.Option("--values", "-f", help="A file of values; several are laid over.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One value, in YAML: workers.mail.concurrency=20."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Look whether it would go well, and change nothing.")] = False,
    images: Annotated[bool, typer.Option(help="Try first whether the cluster can get the images.")] = True,
    timeout: Annotated[int, typer.Option(help="Seconds until all must be there.", min=10, max=86_400)] = 600,
    patience: Annotated[int, typer.Option(help="Seconds for which one trouble is waited out.", min=1, max=86_400)] = 60,
    as_json: Json = False,
    chart: Chart = None,
    namespace: Namespace = None,
    release: Release = PENSTOCK,
    context: Context = None,
) -> None:
    """Install the suite on a cluster, or upgrade it there.

    First it is looked whether it can go well: your rights, KEDA, Secrets, storage, network policies, images. What
    cannot is said with what to do, and nothing is changed. Then Helm installs, and each part is shown until all are
    there; a part that does not come is named, with its events and its last words. Status 3: something is wrong.

    Values that are given are the whole of them, as with `helm upgrade --reset-values`; without any, an upgrade keeps
    those that it has.

    ```
    penstock deploy -n jobs
    penstock deploy -n jobs -f mine.yaml --set smtp.host=mail.example.com
    penstock deploy -n jobs -f mine.yaml --check
    ```
    """
    from penstock_cli.cluster.deploy import Wish
    from penstock_cli.cluster.deploy import deploy as run
    from penstock_cli.cluster.helm import Helm
    from penstock_cli.cluster.progress import Progress
    from penstock_cli.cluster.values import find_chart, read_values
    from penstock_cli.findings import end, show_findings

    given = read_values(files or [], settings or []) if files or settings else None
    found_chart = find_chart(chart)
    asked = cluster(namespace, context)
    helm = Helm(release, asked.namespace, context, found_chart)
    progress = Progress(console(stderr=True))
    found = run(asked, helm, Wish(given, timeout, patience, images, check), progress)
    if found or as_json or check:
        show_findings(found, f"release {release} in namespace {asked.namespace}", as_json=as_json)
    end(found)
    if not check and not as_json:
        where = f"-n {asked.namespace}" + ("" if release == PENSTOCK else f" --release {release}")
        typer.echo(
            f"all of it is there; `penstock status {where}` shows its queues, `penstock doctor {where}` what is wrong"
        )


def uninstall(
    volumes: Annotated[bool, typer.Option("--volumes", help="Delete the volumes too, and all jobs with them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    timeout: Annotated[int, typer.Option(help="Seconds until all must be gone.", min=10, max=86_400)] = 600,
    namespace: Namespace = None,
    release: Release = PENSTOCK,
    context: Context = None,
) -> None:
    """Take the suite away from a cluster.

    Its volumes stay, with what was accepted, and the next `penstock deploy` finds it. A pod at work stays until its
    jobs have ended, for which --timeout is waited: `penstock drain` first.

    ```
    penstock uninstall -n jobs
    penstock uninstall -n jobs --volumes
    ```
    """
    from penstock_cli.cluster.uninstall import uninstall as run

    asked = cluster(namespace, context)
    what = f"release {release} in namespace {asked.namespace}" + (" and its volumes, with all jobs" if volumes else "")
    if not yes:
        typer.confirm(f"Delete {what}?", abort=True, err=True)
    for line in run(asked, release, volumes=volumes, seconds=timeout):
        tell(line)
    typer.echo(f"deleted {what}")
