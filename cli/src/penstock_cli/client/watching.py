"""Jobs on the screen until they have ended."""

from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Queue, SimpleQueue
from threading import Event, Thread
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from penstock_cli.client.api import Api
from penstock_cli.client.events import Silence, follow
from penstock_cli.client.options import print_json, tell
from penstock_cli.client.tables import STYLES, note
from penstock_cli.statuses import Status

TOGETHER = 16
"""Jobs that are followed at the same time; others wait for their turn. The API has a bound of streams for a tenant."""

SUCCEEDED = "succeeded"

Told = dict[str, Any] | Silence | Exception
"""What is heard of a job: its state, that nothing can be heard just now, or why nothing will be."""


def watch_jobs(console: Console, api: Api, job_ids: list[str], *, as_json: bool) -> Status:
    """Show each change of each job until all have ended; how they did. As JSON: one line a change.

    Raises ApiError where one of them cannot be heard of, once the others have ended.
    """
    different = list(dict.fromkeys(job_ids))
    on_screen = console.is_terminal and not as_json
    try:
        heard = _bars(console, api, different) if on_screen else _lines(console, api, different, as_json=as_json)
    except KeyboardInterrupt:
        tell("the jobs go on; `penstock jobs watch` shows them again")
        return Status.INTERRUPTED
    errors = [told for told in heard.values() if isinstance(told, Exception)]
    for error in errors[1:]:
        tell(str(error))
    if errors:
        raise errors[0]
    unlucky = [told for told in heard.values() if isinstance(told, dict) and told["state"] != SUCCEEDED]
    for job in unlucky if on_screen else []:
        console.print(f"{job['id']} {job['state']} {note(job)}", markup=False, highlight=False, soft_wrap=True)
    return Status.UNSUCCESSFUL if unlucky else Status.DONE


def changes(api: Api, job_ids: list[str]) -> Iterator[tuple[str, Told]]:
    """Each job's id with what is heard of it, as it comes, until all have ended."""
    waiting: SimpleQueue[str] = SimpleQueue()
    for job_id in job_ids:
        waiting.put(job_id)
    told: Queue[tuple[str, Told] | None] = Queue(1000)
    left = Event()
    threads = [
        Thread(target=_follow, args=(api, waiting, told, left), daemon=True) for _ in range(min(TOGETHER, len(job_ids)))
    ]
    try:
        for thread in threads:
            thread.start()
        at_work = len(threads)
        while at_work:
            heard = told.get()
            if heard is None:
                at_work -= 1
            else:
                yield heard
    finally:
        left.set()


def _follow(api: Api, waiting: "SimpleQueue[str]", told: "Queue[tuple[str, Told] | None]", left: Event) -> None:
    """Follow one job after the other. Once nobody listens any more, whatever happens is no matter."""
    with suppress(Empty):
        while not left.is_set():
            job_id = waiting.get_nowait()
            try:
                for data in follow(api, job_id):
                    told.put((job_id, data))
            except Exception as error:  # noqa: BLE001  # the edge of a thread: whoever listens raises what is a bug
                told.put((job_id, error))
    told.put(None)


def _lines(console: Console, api: Api, job_ids: list[str], *, as_json: bool) -> dict[str, Told]:
    last: dict[str, Told] = {}
    printed: dict[str, str] = {}
    for job_id, told in changes(api, job_ids):
        if isinstance(told, Silence):
            tell(f"{job_id}: {told.reason}; trying again")
            continue
        last[job_id] = told
        if isinstance(told, Exception):
            continue
        if as_json:
            print_json(told)
            continue
        line = f"{job_id} {told['state']} {note(told)}".strip()
        if printed.get(job_id) != line:  # the end says of most jobs what their last state said
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        printed[job_id] = line
    return last


def _bars(console: Console, api: Api, job_ids: list[str]) -> dict[str, Told]:
    last: dict[str, Told] = {}
    ended = 0
    with Progress(*_columns(), console=console, expand=True) as bars:
        all_of_them = _row(bars, "all", f"0 of {len(job_ids):,}", len(job_ids)) if len(job_ids) > 1 else None
        rows: dict[str, TaskID] = {}
        for job_id, told in changes(api, job_ids):
            if job_id not in rows:
                rows[job_id] = _row(bars, job_id)
            if isinstance(told, Silence):
                bars.update(rows[job_id], note=f"{told.reason}; trying again")
                continue
            last[job_id] = told
            _update(bars, rows[job_id], told)
            if not (isinstance(told, Exception) or "result" in told):
                continue
            if len(job_ids) > TOGETHER:  # or the rows would be more than the screen has
                bars.remove_task(rows[job_id])
            ended += 1
            if all_of_them is not None:
                bars.update(all_of_them, completed=ended, note=f"{ended:,} of {len(job_ids):,}")
    return last


def _row(bars: Progress, name: str, note: str = "", total: int | None = None) -> TaskID:
    return bars.add_task(name, total=total, note=note, state="")


def _update(bars: Progress, row: TaskID, told: dict[str, Any] | Exception) -> None:
    if isinstance(told, Exception):
        bars.update(row, state="[red]?", note=str(told), total=1, completed=0)
        bars.stop_task(row)
        return
    state = f"[{STYLES[told['state']]}]{told['state']}"
    bars.update(row, state=state, note=note(told))
    found = told["progress"] or {}
    if "result" in told:  # the end: a bar that is full stops its clock
        bars.update(row, total=1, completed=1 if told["state"] == SUCCEEDED else 0)
        bars.stop_task(row)
    elif found.get("total"):
        bars.update(row, completed=found["done"], total=found["total"])


def _columns() -> list[Any]:
    return [
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[state]}", table_column=Column(no_wrap=True, min_width=len(SUCCEEDED))),
        BarColumn(bar_width=None, table_column=Column(min_width=4, ratio=1)),
        TextColumn(
            "{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=3)
        ),
        TimeElapsedColumn(),
    ]
