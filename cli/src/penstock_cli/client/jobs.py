"""`penstock jobs`: each command asks the API, and shows what it said."""

from typing import Annotated, Any

import typer

from penstock_cli.client import submit
from penstock_cli.client.options import (
    HERE,
    JobIds,
    Json,
    State,
    Url,
    connected,
    console,
    print_json,
    show,
    tell,
)

PAGE = 200
"""Jobs in one request at most, as the API has it."""

jobs = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Jobs: start them, follow them, steer them.")


@jobs.command("list")
def list_jobs(
    queue: Annotated[str | None, typer.Option(help="Of this queue only.")] = None,
    task: Annotated[str | None, typer.Option(help="Of this task only.")] = None,
    in_state: Annotated[str | None, typer.Option("--in", metavar="STATE", help="In this state only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the list before ended, as it said.")] = None,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """List jobs, newest first.

    Where there are more, the cursor of the next ones is told on standard error.

    ```
    penstock jobs list --in dead
    penstock jobs list --queue mail --limit 500 --json | jq -r '.[].id'
    ```
    """
    from penstock_cli.client.api import JOBS
    from penstock_cli.client.tables import jobs_table

    found: list[dict[str, Any]] = []
    with connected(api, state) as asked:
        while True:
            size = min(limit - len(found), PAGE)
            page = asked.get(JOBS, queue=queue, task=task, state=in_state, limit=size, cursor=cursor)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or len(found) >= limit:
                break
    show(found, jobs_table(found, console().width), as_json=as_json)
    if cursor is not None:
        tell(f"there are more: --cursor {cursor}")


@jobs.command("show")
def show_jobs(job_ids: JobIds, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Show all that is known of a job.

    ```
    penstock jobs show 01a2043c-792c-74cf-ab05-f47cb38a2f85
    penstock jobs show --json 01a2043c-792c-74cf-ab05-f47cb38a2f85 | jq .result
    ```
    """
    from penstock_cli.client.api import job_path

    with connected(api, state) as asked:
        for job_id in job_ids:
            _show(asked.get(job_path(job_id)), as_json=as_json)


@jobs.command()
def cancel(job_ids: JobIds, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Cancel a job. A waiting one ends now, a running one when its worker hears of it.

    One that has ended stays as it is, which is no error: see its state.
    """
    _steer("cancel", job_ids, api, state, as_json=as_json)


@jobs.command()
def retry(job_ids: JobIds, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Let a failed, dead or cancelled job start over, with all its attempts.

    ```
    penstock jobs list --in dead --json | jq -r '.[].id' | xargs penstock jobs retry
    ```
    """
    _steer("retry", job_ids, api, state, as_json=as_json)


@jobs.command()
def watch(job_ids: JobIds, as_json: Json = False, api: Url = None, state: State = HERE) -> None:
    """Follow jobs to their end.

    A lost connection is made again, and goes on where it was. With --json each change is a line, the last with the
    result. Ctrl-C stops the looking, not the jobs.

    Status: 0 all succeeded, 1 refused, 3 one did not succeed, 4 no answer, 130 ctrl-C.
    """
    from penstock_cli.client.watching import watch_jobs

    with connected(api, state) as asked:
        status = watch_jobs(console(), asked, job_ids, as_json=as_json)
    raise typer.Exit(status)


def _steer(verb: str, job_ids: list[str], api: str | None, state: Any, *, as_json: bool) -> None:
    from penstock_cli.client.api import job_path

    with connected(api, state) as asked:
        for job_id in job_ids:
            _show(asked.post(f"{job_path(job_id)}/{verb}"), as_json=as_json)


def _show(job: dict[str, Any], *, as_json: bool) -> None:
    from penstock_cli.client.tables import job_table

    if as_json:
        print_json(job)
    else:
        console().print(job_table(job))


jobs.command()(submit.submit)
