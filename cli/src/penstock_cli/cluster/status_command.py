"""`penstock status`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from penstock_cli.client.options import Json, console, print_json, tell
from penstock_cli.cluster.options import PENSTOCK, Context, Namespace, Release, cluster

if TYPE_CHECKING:
    from rich.console import RenderableType

    from penstock_cli.cluster.status import Row, Status

OF_KEDA = {"active": "green", "idle": "dim"}
"""Styles of what KEDA says; all else is a trouble."""


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show it anew, until ctrl-C.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks of --watch.", min=1, max=3600)] = 2,
    as_json: Json = False,
    namespace: Namespace = None,
    release: Release = PENSTOCK,
    context: Context = None,
) -> None:
    """Show each queue on a cluster: what waits and runs, its pods, and what KEDA makes of it.

    "KEDA counts" is what KEDA was told just now, to be compared with what waits and is in flight together. Pods are
    those that are ready, of those that are there, and the least and the most that may be. It takes no key of the API,
    but the right to `kubectl exec`.

    ```
    penstock status -n jobs --watch
    penstock status -n jobs --json | jq '.rows[] | {queue, pods, keda_counts}'
    ```
    """
    from penstock_cli.cluster.status import look

    asked = cluster(namespace, context)

    def now() -> "Status":
        return look(asked, release)

    if watch and not as_json and console().is_terminal:
        _watch(now, every)
    while True:
        found = now()
        if as_json:
            print_json(found.as_json())
        else:
            console().print(table(found.rows))
            if found.missing:
                tell(f"figures of the queues are missing: {found.missing}")
        if not watch:
            return
        time.sleep(every)


def _watch(now: "Callable[[], Status]", every: float) -> None:
    """In one place. A cluster that does not answer for a while is waited for, and the last answer stays."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from penstock_cli.cluster.connection import ClusterError

    shown: RenderableType = table(now().rows)
    with Live(shown, console=console(), auto_refresh=False) as live:
        live.refresh()
        while True:
            time.sleep(every)
            try:
                found = now()
                shown = Group(table(found.rows), *([Text(found.missing, "red")] if found.missing else []))
                live.update(shown, refresh=True)
            except ClusterError as error:
                said = Text(f"{time.strftime('%H:%M:%S')} {error.message}", "red")
                live.update(Group(shown, said), refresh=True)


def table(rows: "list[Row]") -> "RenderableType":
    """All workers, one a line."""
    from rich.table import Table
    from rich.text import Text

    result = Table("queue", box=None, pad_edge=False)
    for name in ("normal", "bulk", "in flight", "oldest", "pods", "min–max"):
        result.add_column(name, justify="right")
    result.add_column("KEDA")
    result.add_column("KEDA counts", justify="right")
    result.add_column("last scaled", overflow="fold")
    for row in rows:
        queued = row.queued or {}
        result.add_row(
            Text(row.queue, "yellow") + (" (paused)" if row.paused else ""),
            *(_number(queued.get(name)) for name in ("normal", "bulk")),
            _number(row.in_flight),
            _oldest(row),
            f"{row.ready} of {row.pods}",
            "fixed" if row.most is None else f"{row.least}–{row.most}",
            Text(row.keda or "-", OF_KEDA.get(row.keda, "bold red") if row.keda else "dim"),
            _number(row.keda_counts),
            _scaled(row),
        )
    return result


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _oldest(row: "Row") -> str:
    from penstock_cli.client.tables import seconds

    return seconds(row.oldest) if row.oldest is None or row.exact else f"≥ {seconds(row.oldest)}"


def _scaled(row: "Row") -> str:
    from penstock_cli.client.tables import seconds
    from penstock_cli.cluster.status import since

    ago = since(row.scaled_at)
    return "-" if row.scaled is None or ago is None else f"{row.scaled}, {seconds(ago)} ago"
