"""A job's progress on the screen, until it has ended."""

import json
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from penstock_cli.client.api import Api
from penstock_cli.client.tables import note


def watch_job(console: Console, api: Api, job_id: str, *, as_json: bool) -> dict[str, Any]:
    """Show each change, and return the last event's data. As JSON: one line a change. Raises ApiError."""
    if as_json or not console.is_terminal:
        return _lines(console, api, job_id, as_json=as_json)
    job: dict[str, Any] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task(job_id, total=None, note="")
        for job in api.follow(job_id):
            found = job["progress"] or {}
            bar.update(shown, description=f"{job_id} {job['state']}", note=note({"error": None} | job))
            if found.get("total"):
                bar.update(shown, completed=found["done"], total=found["total"])
    return job


def _lines(console: Console, api: Api, job_id: str, *, as_json: bool) -> dict[str, Any]:
    job: dict[str, Any] = {}
    for job in api.follow(job_id):
        line = (
            json.dumps(job, ensure_ascii=False) if as_json else f"{job['state']} {note({'error': None} | job)}".strip()
        )
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return job
