"""`penstock dead-letters`: what nobody will do any more until somebody decides."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock_cli.client.options import HERE, Json, State, Url, connected, console, print_json, show, tell

if TYPE_CHECKING:
    from penstock_cli.client.api import Api

PAGE = 200
"""Dead letters in one request at most, as the API has it."""

dead_letters = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Dead letters: look at them, replay them, discard them."
)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="One or several.", show_default=False)]
IdsOrAll = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="One or several.", show_default=False)]
Queue = Annotated[str | None, typer.Option(help="Of this queue only.")]
All = Annotated[bool, typer.Option("--all", help="All that there are now, of --queue.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before --all.")]


@dead_letters.command("list")
def list_letters(
    queue: Queue = None,
    kind: Annotated[str | None, typer.Option(help="Only `job`, or only `message`.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the list before ended, as it said.")] = None,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """List dead letters, newest first: dead jobs, and messages of other Celery clients that were given up.

    Messages are told to a key of the tenant `default`. Where there are more, the cursor of the next ones is told on
    standard error.

    ```
    penstock dead-letters list --queue mail
    penstock dead-letters list --json | jq -r '.[] | [.reason, .task] | @tsv' | sort | uniq -c
    ```
    """
    from penstock_cli.client.tables import dead_letters_table

    found: list[dict[str, Any]] = []
    with connected(api, state) as asked:
        for page in _pages(asked, limit, queue=queue, kind=kind, cursor=cursor):
            found += page["items"]
            cursor = page["next_cursor"]
    show(found, dead_letters_table(found, console().width), as_json=as_json)
    if cursor is not None:
        tell(f"there are more: --cursor {cursor}")


@dead_letters.command("show")
def show_letters(letter_ids: Ids, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Show why one died, and how large it is. Of a job, `penstock jobs show` tells more."""
    from penstock_cli.client.api import letter_path
    from penstock_cli.client.tables import dead_letter_table

    with connected(api, state) as asked:
        for letter_id in letter_ids:
            found = asked.get(letter_path(letter_id))
            show(found, dead_letter_table(found), as_json=as_json)


@dead_letters.command()
def replay(
    letter_ids: IdsOrAll = None,
    everything: All = False,
    queue: Queue = None,
    yes: Yes = False,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Let dead letters be done after all: a job starts over with all its attempts, a message is sent anew.

    ```
    penstock dead-letters replay 01a2043c-792c-74cf-ab05-f47cb38a2f85
    penstock dead-letters replay --all --queue mail
    ```
    """
    _settle("replay", letter_ids or [], everything, queue, yes, as_json, api, state)


@dead_letters.command()
def discard(
    letter_ids: IdsOrAll = None,
    everything: All = False,
    queue: Queue = None,
    yes: Yes = False,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Give dead letters up for good: a job becomes cancelled, with the code `discarded`; a message is deleted.

    ```
    penstock dead-letters discard --all --queue mail --yes
    ```
    """
    _settle("discard", letter_ids or [], everything, queue, yes, as_json, api, state)


def _settle(
    verb: str,
    letter_ids: list[str],
    everything: bool,
    queue: str | None,
    yes: bool,
    as_json: bool,
    api: str | None,
    state: Any,
) -> None:
    from penstock_cli.client.api import ApiError, letter_path

    if everything == bool(letter_ids) or everything != (queue is not None):
        raise typer.BadParameter("name dead letters by their ids, or all of a queue with --all --queue QUEUE")
    with connected(api, state) as asked:
        if everything:
            letter_ids = [item["id"] for page in _pages(asked, None, queue=queue) for item in page["items"]]
            if letter_ids and not yes:
                typer.confirm(f"{verb} {len(letter_ids)} dead letters of {queue}?", abort=True, err=True)
        for letter_id in letter_ids:
            try:
                done = asked.post(f"{letter_path(letter_id)}/{verb}")
            except ApiError as error:
                # Among all there may be some that somebody else has settled meanwhile.
                if not everything or error.status != 404:
                    raise
                tell(f"{letter_id}: {error.message}")
                continue
            if as_json:
                print_json(done)
            else:
                typer.echo(f"{done['outcome']} {done['id']}")


def _pages(asked: "Api", limit: int | None, **query: Any) -> Iterator[dict[str, Any]]:
    """The pages of the list, up to so many letters in all."""
    from penstock_cli.client.api import DEAD_LETTERS

    left = limit
    while True:
        page = asked.get(DEAD_LETTERS, limit=PAGE if left is None else min(left, PAGE), **query)
        yield page
        query["cursor"] = page["next_cursor"]
        left = None if left is None else left - len(page["items"])
        if query["cursor"] is None or left == 0:
            return
