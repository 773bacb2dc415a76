"""What the API says, as tables for people. Times are this machine's."""

import json
from datetime import UTC, datetime
from typing import Any

from rich.console import JustifyMethod
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

STYLES = {
    "accepted": "dim",
    "queued": "yellow",
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "dead": "bold red",
    "cancelled": "magenta",
}

GAP = 2
"""Blanks between two columns."""

WITH_NOTES = 100
WITH_TIMES = 124
"""Columns from which on there is room for what is not the id, the state and the task."""

TIMES = ("not_before", "deadline", "created_at", "started_at", "finished_at", "died_at")
NUMBERS = ("took", "deliveries")
HELD = ("cancel_requested",)
"""What is worth a line only where it holds."""


def queues_table(items: list[dict[str, Any]]) -> Table:
    """All queues; rates and times are of the last minute."""
    table = Table("queue", "normal", "bulk", "in flight", "oldest", "workers", box=None, pad_edge=False)
    for name in ("done/min", "failed/min", "wait (median)", "run (median)"):
        table.add_column(name, justify="right")
    any_paused = any(queue["paused"] for queue in items)
    if any_paused:
        table.add_column("paused since", overflow="fold")
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
            *([Text(pause_of(queue), "yellow")] if any_paused else []),
        )
    return table


def pause_of(queue: dict[str, Any]) -> str:
    """Since when a queue is paused and why; empty: it is not."""
    paused = queue["paused"]
    if paused is None:
        return ""
    return f"{_local(paused['since']):%Y-%m-%d %H:%M:%S}{' (' + paused['reason'] + ')' if paused['reason'] else ''}"


def jobs_table(items: list[dict[str, Any]], width: int) -> Table:
    """Jobs, one a line, in so many columns. Ids stand whole: they are what the next command is given."""
    columns = {name: [job[name] for job in items] for name in ("id", "state", "task")}
    if width >= WITH_TIMES:
        columns["created"] = [f"{_local(job['created_at']):%m-%d %H:%M:%S}" for job in items]
        columns["took"] = [seconds(_between(job["started_at"], job["finished_at"])) for job in items]
    if width >= WITH_NOTES:
        columns["note"] = [note(job) for job in items]
    return _listed(columns, width)


def dead_letters_table(items: list[dict[str, Any]], width: int) -> Table:
    """Dead letters, one a line. Ids stand whole."""
    columns = {name: [item[name] for item in items] for name in ("id", "queue", "reason")}
    if width >= WITH_TIMES:
        columns["died"] = [f"{_local(item['died_at']):%m-%d %H:%M:%S}" for item in items]
        columns["deliveries"] = [str(item["deliveries"]) for item in items]
    columns["task"] = [item["task"] or "?" for item in items]
    if width >= WITH_NOTES:
        columns["note"] = [(item["error"] or "").partition("\n")[0] for item in items]
    return _listed(columns, width)


def _listed(columns: dict[str, list[str]], width: int) -> Table:
    table = Table(box=None, pad_edge=False)
    left = width
    for name, told in columns.items():
        # The note comes last, and gets what the others leave: rich would shorten them for a long one.
        justify: JustifyMethod = "right" if name in NUMBERS else "left"
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=max(left, 1), justify=justify)
        left -= max(map(len, (name, *told))) + GAP
    for cells in zip(*columns.values(), strict=True):
        named = zip(columns, cells, strict=True)
        table.add_row(*(Text(cell, STYLES[cell] if name == "state" else "") for name, cell in named))
    return table


def job_table(job: dict[str, Any]) -> Table:
    """One job, one fact a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name in sorted(job, key=lambda name: name == "result"):  # the longest one comes last
        value = job[name]
        if value is None or (name in HELD and not value) or name == "attempts":
            continue
        table.add_row(name.replace("_", " "), _fact(name, job))
    return table


def dead_letter_table(letter: dict[str, Any]) -> Table:
    """One dead letter, one fact a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in letter.items():
        if name == "payload_bytes":
            table.add_row("payload", decimal(value))
        elif name == "died_at":
            table.add_row("died at", Text(_when(name, letter)))
        elif value is not None:
            table.add_row(name.replace("_", " "), Text(str(value), STYLES["dead"] if name == "reason" else ""))
    return table


def note(job: dict[str, Any]) -> str:
    """What there is to say of a job, or of an event, besides its state: the reason, or how far it has come."""
    if job.get("error"):
        return f"{job['error']['code']}: {job['error']['message']}"
    if job["progress"] and job["state"] == "running":
        return progress(job["progress"])
    if job["cancel_requested"] and job["state"] == "running":
        return "cancel requested"
    return _later(job.get("not_before")) if job["state"] == "accepted" else ""


def progress(found: dict[str, Any]) -> str:
    """Such as `500 of 2,000 rows`, or `12.6 MB of 100.1 MB`."""
    if found["unit"] == "bytes":
        return " of ".join(decimal(found[name]) for name in ("done", "total") if found[name] is not None)
    total = f" of {found['total']:,}" if found["total"] is not None else ""
    return f"{found['done']:,}{total} {found['unit']}".strip()


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


def _fact(name: str, job: dict[str, Any]) -> Text:
    value = job[name]
    match name:
        case "state":
            return Text(value, STYLES[value])
        case "attempt":
            return Text(f"{value} of {job['attempts']}")
        case "error":
            return Text(f"{value['code']}: {value['message']}")
        case "progress":
            return Text(progress(value))
    if name in TIMES:
        return Text(_when(name, job))
    return Text(json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, dict) else str(value))


def _when(name: str, job: dict[str, Any]) -> str:
    """A time, and how long it had waited or run by then."""
    shown = f"{_local(job[name]):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    if name == "finished_at" and (ran := _between(job["started_at"], job[name])) is not None:
        return f"{shown}, {seconds(ran)} after its last start"
    return shown


def _later(not_before: str | None) -> str:
    if not_before is None or datetime.fromisoformat(not_before) <= datetime.now(UTC):
        return ""
    return f"not before {_local(not_before):%m-%d %H:%M:%S}"


def _local(time: str) -> datetime:
    return datetime.fromisoformat(time).astimezone()


def _between(first: str | None, last: str | None) -> float | None:
    if first is None or last is None:
        return None
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
