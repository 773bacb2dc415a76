"""`penstock queues`."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock_cli.client.options import HERE, Json, State, Url, connected, console, show

if TYPE_CHECKING:
    from rich.console import RenderableType

    from penstock_cli.client.api import Api


queues = typer.Typer(rich_markup_mode="markdown")


@queues.callback(invoke_without_command=True)
def show_queues(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show it anew, until ctrl-C.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks of --watch.", min=1, max=3600)] = 1,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Show what waits in each queue, what runs, and how fast it goes; or add one to the repository, with `new`.

    "≥" before an age: another sender's message, which has waited since it was first seen, or longer. Workers are those
    who have a job or finished one in the last 5 minutes. Rates and times are of the last minute.

    ```
    penstock queues --watch
    penstock queues --json | jq '.[] | select(.queue == "mail").queued.normal'
    penstock queues --watch --every 60 --json >> queues.jsonl
    ```
    """
    if context.invoked_subcommand:
        return
    from penstock_cli.client.tables import queues_table

    with connected(api, state) as asked:
        if not watch:
            found = asked.get("/v1/queues")["items"]
            show(found, queues_table(found), as_json=as_json)
        elif as_json or not console().is_terminal:
            _repeat(asked, every, as_json=as_json)
        else:
            _watch(asked, every)


def _repeat(asked: "Api", every: float, *, as_json: bool) -> None:
    """Into a file or a pipe: one answer after the other."""
    from penstock_cli.client.tables import queues_table

    while True:
        found = asked.get("/v1/queues")["items"]
        show(found, queues_table(found), as_json=as_json)
        time.sleep(every)


def _watch(asked: "Api", every: float) -> None:
    """On a terminal: in one place. An API that does not answer for a while is waited for, and the last answer stays."""
    from rich.console import Group
    from rich.live import Live

    from penstock_cli.client.api import Lost
    from penstock_cli.client.tables import queues_table

    shown: RenderableType = queues_table(asked.get("/v1/queues")["items"])
    with Live(shown, console=console(), auto_refresh=False) as live:
        live.refresh()
        while True:
            time.sleep(every)
            try:
                shown = queues_table(asked.get("/v1/queues", patient=False)["items"])
                live.update(shown, refresh=True)
            except Lost as error:
                live.update(Group(shown, f"[red]{time.strftime('%H:%M:%S')} {_plain(error.message)}"), refresh=True)


def _plain(text: Any) -> str:
    from rich.markup import escape

    return escape(str(text))
