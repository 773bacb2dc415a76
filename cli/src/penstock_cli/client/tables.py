"""What the API says, as tables for people."""

from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text


def queues_table(items: list[dict[str, Any]]) -> Table:
    """All queues; rates and times are of the last minute."""
    table = Table("queue", "normal", "bulk", "in flight", "oldest", "workers", box=None, pad_edge=False)
    for name in ("done/min", "failed/min", "wait (median)", "run (median)"):
        table.add_column(name, justify="right")
    for queue in items:
        minute = queue["last_minute"]
        per_minute = minute["per_minute"]
        table.add_row(
            queue["queue"],
            *(str(queue["queued"][name]) for name in ("normal", "bulk")),
            str(queue["in_flight"]),
            _oldest(queue["oldest"]),
            str(queue["workers"]),
            f"{per_minute['succeeded']:g}",
            f"{per_minute['failed'] + per_minute['dead']:g}",
            seconds(minute["wait"]["median"]),
            seconds(minute["run"]["median"]),
        )
    return table


def jobs_table(items: list[dict[str, Any]]) -> Table:
    """Jobs, one a line."""
    table = Table("id", "task", "state", "attempt", "created", "note", box=None, pad_edge=False)
    for job in items:
        created = datetime.fromisoformat(job["created_at"]).astimezone()
        table.add_row(
            Text(job["id"], no_wrap=True),
            job["task"],
            job["state"],
            f"{job['attempt']}/{job['attempts']}",
            f"{created:%Y-%m-%d %H:%M:%S}",
            Text(note(job)),
        )
    return table


def job_table(job: dict[str, Any]) -> Table:
    """One job, one fact a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in job.items():
        if value is not None:
            table.add_row(name.replace("_", " "), Text(str(value)))
    return table


def note(job: dict[str, Any]) -> str:
    """What there is to say besides the state: the reason, or how far it has come."""
    if job["error"]:
        return f"{job['error']['code']}: {job['error']['message']}"
    if job["progress"]:
        return progress(job["progress"])
    return "cancel requested" if job["cancel_requested"] else ""


def progress(found: dict[str, Any]) -> str:
    """Such as `500 of 2000 rows`."""
    total = f" of {found['total']}" if found["total"] else ""
    return f"{found['done']}{total} {found['unit']}".strip()


def seconds(value: float | None) -> str:
    """A time with its unit."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def _oldest(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    return seconds(found["seconds"]) if found["exact"] else f"≥ {seconds(found['seconds'])}"
