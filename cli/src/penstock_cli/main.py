"""The command line. Each command is a few lines; what it does is in a module of its own."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from penstock_cli.client.dead_letters import dead_letters
from penstock_cli.client.jobs import jobs
from penstock_cli.client.options import Json, console, print_json, show
from penstock_cli.client.pausing import drain, pause, resume
from penstock_cli.client.queues import queues
from penstock_cli.client.secret import webhook_secret
from penstock_cli.cluster.commands import deploy, uninstall
from penstock_cli.cluster.status_command import status
from penstock_cli.doctor_command import doctor
from penstock_cli.local.interrupts import counted
from penstock_cli.local.supervisor import Interrupted
from penstock_cli.logs import logs
from penstock_cli.new_queue.command import new
from penstock_cli.statuses import Status, status_of
from penstock_runtime.errors import PenstockError
from penstock_runtime.scopes import USUAL_SCOPES, Scope

# What a command needs is imported within it: all of it takes a second, and --help should not.

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Run Penstock and look at it.\n\n"
    "On this machine begin with `penstock demo`, then `penstock up`; on a cluster with `penstock deploy --check`. Each "
    "command has examples in its --help; `penstock --install-completion` teaches your shell their names.",
)
key_commands = typer.Typer(no_args_is_help=True, help="Keys for the API.")
CLUSTER, TROUBLE, WORK, ACCESS = "On a cluster", "When something is wrong", "Jobs and queues", "Access"

app.command(rich_help_panel=CLUSTER)(deploy)
app.command(rich_help_panel=CLUSTER)(status)
app.command(rich_help_panel=CLUSTER)(uninstall)
app.command(rich_help_panel=TROUBLE)(doctor)
app.command(rich_help_panel=TROUBLE)(logs)
app.add_typer(jobs, name="jobs", rich_help_panel=WORK)
app.add_typer(queues, name="queues", rich_help_panel=WORK)
queues.command()(new)
app.command(rich_help_panel=WORK)(pause)
app.command(rich_help_panel=WORK)(resume)
app.command(rich_help_panel=WORK)(drain)
app.add_typer(dead_letters, name="dead-letters", rich_help_panel=WORK)
app.add_typer(key_commands, name="keys", rich_help_panel=ACCESS)
app.command("webhook-secret", rich_help_panel=ACCESS)(webhook_secret)

DEFAULT_STATE = Path(".penstock")
NEXT = "or the next free one"

StateFolder = Annotated[
    Path, typer.Option("--state", help="The folder that keeps everything: data, files, mails, logs, keys.")
]
ApiPort = Annotated[int | None, typer.Option(help="The API.", min=1, max=65535, show_default="8000")]
MailPagePort = Annotated[
    int | None, typer.Option(help="The page that shows the mails.", min=1, max=65535, show_default="8025")
]
SmtpPort = Annotated[int | None, typer.Option(help="The mail server.", min=1, max=65535, show_default=f"10025 {NEXT}")]
RedisPort = Annotated[int | None, typer.Option(help="Redis.", min=1, max=65535, show_default=f"16379 {NEXT}")]
PostgresPort = Annotated[int | None, typer.Option(help="PostgreSQL.", min=1, max=65535, show_default=f"15432 {NEXT}")]


@app.command()
def up(
    state: StateFolder = DEFAULT_STATE,
    api_port: ApiPort = None,
    mail_page_port: MailPagePort = None,
    smtp_port: SmtpPort = None,
    redis_port: RedisPort = None,
    postgres_port: PostgresPort = None,
) -> None:
    """Run the whole suite on this machine until ctrl-C.

    Redis, PostgreSQL and a mail server that shows what it gets are started too. To use your own, set
    CELERY_BROKER_URL, PENSTOCK_DATABASE_URL or PENSTOCK_SMTP_HOST. What the state folder keeps is there again
    at the next start.
    """
    from penstock_cli.local.suite import GivenPorts
    from penstock_cli.local.up import up as run
    from penstock_cli.settings import CliSettings
    from penstock_runtime.settings import load

    given = GivenPorts(api_port, mail_page_port, smtp_port, redis_port, postgres_port)
    with counted() as interrupts:
        run(console(), state, load(CliSettings), given, interrupts)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, until ctrl-C.")] = False,
    state: StateFolder = DEFAULT_STATE,
    api_port: ApiPort = None,
    mail_page_port: MailPagePort = None,
    smtp_port: SmtpPort = None,
    redis_port: RedisPort = None,
    postgres_port: PostgresPort = None,
) -> None:
    """Run the suite, send real work to every queue, and show what became of it.

    Files are imported, reports made of them, mails sent, user actions kept: all of it over HTTP, as a client would.
    A port in use gives way to the next free one.
    """
    from penstock_cli.demo.run import demo as run
    from penstock_cli.local.suite import GivenPorts
    from penstock_cli.settings import CliSettings
    from penstock_runtime.settings import load

    given = GivenPorts(api_port, mail_page_port, smtp_port, redis_port, postgres_port)
    with counted() as interrupts:
        run(console(), state, load(CliSettings), given, interrupts, keep=keep)


@app.command()
def migrate(state: StateFolder = DEFAULT_STATE) -> None:
    """Bring the database's tables up to date.

    The database is the one that PENSTOCK_DATABASE_URL names, else that of the suite running on the state folder.
    Several at once are harmless.
    """
    from penstock_cli import ledger

    typer.echo(f"the database is at revision {ledger.upgrade(ledger.find(state))}")


@key_commands.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for, for people to know it by.")],
    tenant: Annotated[str, typer.Option(help="Who owns what is done with the key.")] = "default",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it may be used for; give it again for more.", show_default="read write"),
    ] = None,
    expires: Annotated[
        int | None, typer.Option(help="Days that it works.", min=1, max=36_500, show_default="for good")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            help="How often it may be used: 100/second, 10/minute;100/day, unlimited.",
            show_default="PENSTOCK_API_KEY_RATE of the API",
        ),
    ] = None,
    as_json: Json = False,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Make an API key and print it, once: only its hash is kept.

    The database is the one that PENSTOCK_DATABASE_URL names, else that of the suite running on the state folder.

    ```
    penstock keys create --name ci --expires 90
    penstock keys create --name dashboard --tenant acme --scope read --rate 100/minute
    ```
    """
    from penstock_cli import keys, ledger

    scopes = scope or list(USUAL_SCOPES)
    key_id, key = keys.create(ledger.find(state), tenant, name, scopes, expires, rate)
    if as_json:
        print_json({"id": str(key_id), "key": key, "tenant": tenant, "name": name, "scopes": scopes, "rate": rate})
    else:
        typer.echo(key)


@key_commands.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    as_json: Json = False,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Show keys, whether they still work or not, and never their secrets."""
    from penstock_cli import keys, ledger

    found = keys.listed(ledger.find(state), tenant)
    show([keys.as_json(key) for key in found], keys.table(found, console().width), as_json=as_json)


@key_commands.command()
def revoke(
    key_id: Annotated[UUID, typer.Argument(help="As `penstock keys list` shows it.")],
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Make a key useless, for good.

    The API refuses it after PENSTOCK_API_KEY_CACHE_SECONDS (5) at the latest.
    """
    from penstock_cli import keys, ledger

    keys.revoke(ledger.find(state), key_id)
    typer.echo(f"{key_id} is revoked; the API refuses it within PENSTOCK_API_KEY_CACHE_SECONDS, 5 where it is not set")


@app.callback(invoke_without_command=True)
def _options(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if show_version:
        typer.echo(f"penstock {version('penstock-cli')}")
        raise typer.Exit


def main() -> None:
    """Run the command line. What goes wrong on purpose is one message on standard error, and a status of its own."""
    try:
        app()
    except Interrupted:
        raise SystemExit(Status.INTERRUPTED) from None
    except PenstockError as error:
        Console(stderr=True).print(f"penstock: {error.message}", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(status_of(error)) from None
