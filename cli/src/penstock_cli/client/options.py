"""What the commands that ask the API have in common: their options, the API they mean, and how they show an answer."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType

if TYPE_CHECKING:
    from penstock_cli.client.api import Api

# What a command needs is imported within it, as in `main`.

UNSEEN_WIDTH = 200
"""Columns of what is written to a file or a pipe."""

HERE = Path(".penstock")

Url = Annotated[str | None, typer.Option("--api", help="The API. Else PENSTOCK_API_URL, else what runs here.")]
State = Annotated[Path, typer.Option("--state", help="The state folder of a suite that runs here.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
JobIds = Annotated[list[str], typer.Argument(metavar="ID...", help="One job or several.", show_default=False)]


@contextmanager
def connected(url: str | None, folder: Path) -> Iterator["Api"]:
    """The API that is meant, with the key for it. Raises SettingsError where none is named, or no key."""
    from penstock_cli.client.api import connect
    from penstock_cli.settings import ClientSettings
    from penstock_runtime.settings import load

    with closing(connect(load(ClientSettings), url, folder, tell)) as api:
        yield api


def console(*, stderr: bool = False) -> Console:
    """Where people look."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else UNSEEN_WIDTH)


def show(found: Any, table: RenderableType, *, as_json: bool) -> None:
    """An answer of the API, or as a table."""
    if as_json:
        print_json(found)
    else:
        console().print(table)


def print_json(found: Any) -> None:
    """One line of JSON."""
    typer.echo(json.dumps(found, ensure_ascii=False))


def tell(sentence: str) -> None:
    """Something besides the answer, on standard error."""
    typer.echo(f"penstock: {sentence}", err=True)
