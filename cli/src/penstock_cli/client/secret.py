"""`penstock webhook-secret`."""

import typer

from penstock_cli.client.options import HERE, Json, State, Url, connected, print_json


def webhook_secret(as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Show what the webhooks of your tenant are signed with.

    For receivers to verify them; whoever else knows it can pretend to be the API. It takes a key that was made with
    `--scope secrets`.
    """
    with connected(api, state) as asked:
        found = asked.get("/v1/webhook-secret")
    if as_json:
        print_json(found)
    else:
        typer.echo(found["secret"])
