"""`penstock queues` and `penstock jobs`: each command asks the API, and shows what it said."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from penstock_cli.client.api import Api

# What a command needs is imported within it, as in `main`.

UNSEEN_WIDTH = 150
"""Columns of what is written to a file or a pipe."""

REFRESH = 1
"""Seconds between two looks of `queues --watch`: the API keeps rates for one."""

PAGE = 200
"""Jobs in one request at most, as the API has it."""

jobs = typer.Typer(no_args_is_help=True, help="Jobs: start them, follow them, steer them.")

Url = Annotated[str | None, typer.Option("--api", help="The API, else PENSTOCK_API_URL, else what runs here.")]
State = Annotated[Path, typer.Option("--state", help="The state folder of a suite that runs here.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job.")]
HERE = Path(".penstock")


def queues(
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show it anew each second.")] = False,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Show what waits in each queue, what runs, and how fast it goes.

    "≥" before an age: another sender's message, which has waited since it was first seen, or longer. Workers are those
    who have a job or finished one in the last 5 minutes. Rates and times are of the last minute.
    """
    from rich.live import Live

    from penstock_cli.client.tables import queues_table

    console = _console()
    with _connect(api, state) as asked:
        if as_json or not watch:
            found = asked.get("/v1/queues")["items"]
            _show(console, found, queues_table(found), as_json=as_json)
            return
        with Live(queues_table(asked.get("/v1/queues")["items"]), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(REFRESH)
                live.update(queues_table(asked.get("/v1/queues")["items"]), refresh=True)


@jobs.command("list")
def list_jobs(
    queue: Annotated[str | None, typer.Option(help="Of this queue only.")] = None,
    task: Annotated[str | None, typer.Option(help="Of this task only.")] = None,
    in_state: Annotated[str | None, typer.Option("--in", metavar="STATE", help="In this state only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """List jobs, newest first."""
    from penstock_cli.client.tables import jobs_table

    found: list[dict[str, Any]] = []
    cursor = None
    with _connect(api, state) as asked:
        while len(found) < limit:
            size = min(limit - len(found), PAGE)
            page = asked.get("/v1/jobs", queue=queue, task=task, state=in_state, limit=size, cursor=cursor)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    _show(_console(), found, jobs_table(found), as_json=as_json)


@jobs.command()
def show(job_id: JobId, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Show one job."""
    from penstock_cli.client.api import job_path

    with _connect(api, state) as asked:
        job = asked.get(job_path(job_id))
    _show_job(job, as_json=as_json)


@jobs.command()
def cancel(job_id: JobId, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Cancel a job. One that runs ends when its worker hears of it."""
    from penstock_cli.client.api import job_path

    with _connect(api, state) as asked:
        job = asked.post(f"{job_path(job_id)}/cancel")
    _show_job(job, as_json=as_json)


@jobs.command()
def retry(job_id: JobId, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Let a failed, dead or cancelled job start over."""
    from penstock_cli.client.api import job_path

    with _connect(api, state) as asked:
        job = asked.post(f"{job_path(job_id)}/retry")
    _show_job(job, as_json=as_json)


@jobs.command()
def watch(job_id: JobId, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Follow a job to its end. The status is 0 where it succeeded, else 1."""
    from penstock_cli.client.watching import watch_job

    with _connect(api, state) as asked:
        job = watch_job(_console(), asked, job_id, as_json=as_json)
    if job["state"] != "succeeded":
        raise typer.Exit(1)


@jobs.command()
def submit(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Such as generation.report.")],
    payload: Annotated[str, typer.Argument(metavar="PAYLOAD", help="JSON, or @file.")],
    key: Annotated[str | None, typer.Option("--key", help="An Idempotency-Key: a repeat gets the first job.")] = None,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Start a job, and print its id."""
    body = {"task": task, "payload": _payload(payload)}
    with _connect(api, state) as asked:
        started = asked.post("/v1/jobs", body, key=key)
    typer.echo(json.dumps(started, ensure_ascii=False) if as_json else started["job_id"])


def _payload(given: str) -> Any:
    try:
        return json.loads(Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given)
    except OSError as error:
        raise typer.BadParameter(f"{given[1:]} cannot be read: {error.strerror}") from None
    except ValueError:
        raise typer.BadParameter("PAYLOAD is no JSON; a file's name begins with @") from None


def _show_job(job: dict[str, Any], *, as_json: bool) -> None:
    from penstock_cli.client.tables import job_table

    _show(_console(), job, job_table(job), as_json=as_json)


def _show(console: Console, found: Any, table: Any, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        console.print(table)


@contextmanager
def _connect(url: str | None, folder: Path) -> Iterator["Api"]:
    from penstock_cli.client.api import connect
    from penstock_cli.settings import ClientSettings
    from penstock_runtime.settings import load

    with closing(connect(load(ClientSettings), url, folder)) as api:
        yield api


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else UNSEEN_WIDTH)
