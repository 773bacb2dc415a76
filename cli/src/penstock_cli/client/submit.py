"""`penstock jobs submit`: one job, one for each line of a file, or one for each file that is uploaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock_cli.client.options import HERE, Json, State, Url, connected, console, print_json, tell
from penstock_cli.statuses import Status

if TYPE_CHECKING:
    from penstock_cli.client.api import Api

IMPORT = "dataset.import_file"
"""The task that an upload starts."""

Task = Annotated[str | None, typer.Argument(metavar="TASK", help="Such as generation.report.", show_default=False)]
Payload = Annotated[
    str | None,
    typer.Argument(metavar="PAYLOAD", help="A JSON object, @file, or - for standard input.", show_default=False),
]
Lines = Annotated[str | None, typer.Option(metavar="FILE", help="A job for each line of JSON; - for standard input.")]
Uploads = Annotated[
    list[Path] | None, typer.Option("--upload", metavar="FILE", help="Import a file; give it again for more.")
]
Name = Annotated[str | None, typer.Option(help="What the uploaded file is called, else its own name.")]
Priority = Annotated[
    str | None, typer.Option(help="normal, or bulk: behind all that is normal.", show_default="normal")
]
NotBefore = Annotated[
    str | None, typer.Option("--not-before", "--delay", metavar="TIME", help="It is not started earlier.")
]
Deadline = Annotated[str | None, typer.Option(metavar="TIME", help="It is started by then, or else cancelled.")]
Webhook = Annotated[str | None, typer.Option(metavar="URL", help="Is told when the job has ended.")]
Key = Annotated[str | None, typer.Option(help="The Idempotency-Key: a repeat with it gets the first job.")]
Wait = Annotated[bool, typer.Option("--wait", "--watch", help="Follow to the end what was started.")]


def submit(
    task: Task = None,
    payload: Payload = None,
    lines: Lines = None,
    uploads: Uploads = None,
    name: Name = None,
    priority: Priority = None,
    not_before: NotBefore = None,
    deadline: Deadline = None,
    webhook: Webhook = None,
    key: Key = None,
    wait: Wait = False,
    as_json: Json = False,
    api: Url = None,
    state: State = HERE,
) -> None:
    """Start jobs, and print the id of each.

    ```
    penstock jobs submit generation.report '{"dataset_id": "…"}' --wait
    penstock jobs submit generation.report @may.json --priority bulk --delay 10m
    penstock jobs submit generation.report - <may.json --deadline 2h --key may
    penstock jobs submit generation.report --lines many.jsonl --key monday
    penstock jobs submit --upload sales.csv --wait
    ```

    A line of --lines is a payload where TASK is given, else a whole job: `{"task": …, "payload": …}`, and `priority`,
    `not_before`, `deadline`, `webhook`, `idempotency_key` where it has its own. A thousand lines are one request. A run
    that was broken off is repeated with the same --key: no line is started twice.

    A TIME is ISO 8601, `2026-05-01T22:00+08:00`, or a span from now: `90s`, `10m`, `2h`, `1d`.

    With --json, a line for each job: as it was accepted, or with --wait as it ended.

    Status: 0 done, 1 refused, 2 not understood, 3 a job that was waited for did not succeed, 4 no answer.
    """
    from penstock_cli.client.given import read_time

    _check(task, payload, lines, uploads, name)
    wishes = {"priority": priority, "webhook": webhook}
    wishes |= {"not_before": read_time(not_before), "deadline": read_time(deadline)}
    wishes = {name: value for name, value in wishes.items() if value is not None}
    if uploads and wishes:
        raise typer.BadParameter(f"an --upload takes no {', '.join(wishes)}; it is imported when its turn comes")
    with connected(api, state) as asked:
        if uploads:
            started = _uploaded(asked, uploads, name, key)
        elif lines:
            started = _by_line(asked, task, lines, wishes, key)
        else:
            started = _alone(asked, str(task), str(payload), wishes, key)
        status = _tell(asked, started, wait=wait, as_json=as_json)
    raise typer.Exit(status)


def _check(
    task: str | None, payload: str | None, lines: str | None, uploads: list[Path] | None, name: str | None
) -> None:
    """Raise typer.BadParameter where it is not clear what to start."""
    if sum(bool(source) for source in (payload, lines, uploads)) != 1:
        raise typer.BadParameter("give a TASK and its PAYLOAD, or --lines FILE, or --upload FILE")
    if uploads and task not in (None, IMPORT):
        raise typer.BadParameter(f"--upload starts {IMPORT}, not {task}")
    if name is not None and len(uploads or []) != 1:
        raise typer.BadParameter("--name belongs to one --upload")


def _alone(asked: "Api", task: str, payload: str, wishes: dict[str, Any], key: str | None) -> Iterator[dict[str, Any]]:
    from penstock_cli.client.api import JOBS
    from penstock_cli.client.given import read_payload

    yield asked.post(JOBS, {"task": task, "payload": read_payload(payload)} | wishes, key=key)


def _by_line(
    asked: "Api", task: str | None, lines: str, wishes: dict[str, Any], key: str | None
) -> Iterator[dict[str, Any]]:
    from penstock_cli.client.bulk import submit_lines
    from penstock_cli.client.given import read_lines

    return submit_lines(asked, task, read_lines(lines), wishes, key)


def _uploaded(asked: "Api", uploads: list[Path], name: str | None, key: str | None) -> Iterator[dict[str, Any]]:
    from penstock_cli.client.uploading import upload_files

    return upload_files(asked, uploads, name, key)


def _tell(asked: "Api", started: Iterator[dict[str, Any]], *, wait: bool, as_json: bool) -> Status:
    """Print each job as soon as it is accepted, or once it has ended, and say how all of it went."""
    job_ids = []
    status = Status.DONE
    for item in started:
        if "problem" in item:
            status = Status.REFUSED
            tell(f"line {item['line']}: {item['problem']['detail']} ({item['problem']['code']})")
        elif wait:
            job_ids.append(item["job_id"])
        if as_json and not wait:
            print_json(item)
        elif "job_id" in item and not as_json:
            typer.echo(item["job_id"])
    return max(status, _wait(asked, job_ids, as_json=as_json)) if job_ids else status


def _wait(asked: "Api", job_ids: list[str], *, as_json: bool) -> Status:
    from penstock_cli.client.api import job_path
    from penstock_cli.client.watching import watch_jobs

    status = watch_jobs(console(stderr=True), asked, job_ids, as_json=False)
    for job_id in job_ids if as_json and status is not Status.INTERRUPTED else []:
        print_json(asked.get(job_path(job_id)))
    return status
