"""The log lines of one job, of whatever process, in the order in which they were written."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from penstock_runtime.errors import PenstockError

JOB = re.compile(r"[A-Za-z0-9._:-]{8,255}")
"""What may be the id of a job; Celery clients choose their own."""

ANSI = re.compile(r"\x1b\[[0-9;]*m")
STARTS = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d+)?)(Z|[+-]\d\d:?\d\d)?")

LEVELS = {"warning": "yellow", "error": "red", "critical": "bold red"}

LONGEST = 10_000
"""Characters of one line that are shown."""


class LogsError(PenstockError):
    """There are no lines of this job, or it is no job's id."""

    code = "logs"


@dataclass(frozen=True)
class Line:
    """One line of a log, with the process that wrote it; what follows it without a time of its own belongs to it."""

    at: datetime
    source: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """For programs: the fields of the line where it is JSON, else the text."""
        fields = _fields(self.text)
        return {"at": self.at.isoformat(), "source": self.source} | (fields or {"text": self.text})

    def as_text(self) -> Text:
        """For people."""
        fields = _fields(self.text)
        shown = Text(f"{self.at.astimezone():%H:%M:%S.%f}"[:-3], "dim")
        shown.append(f"  {self.source}  ", "cyan")
        if fields is None:
            return shown.append(self.text[:LONGEST])
        shown.append(str(fields.pop("event", "")), LEVELS.get(str(fields.get("level")), "bold"))
        for name in ("timestamp", "level", "logger"):
            fields.pop(name, None)
        trace = fields.pop("exception", None)
        rest = "".join(f"  {name}={value}" for name, value in fields.items())
        return shown.append(rest[:LONGEST]).append(f"\n{trace}"[:LONGEST] if trace else "", "red")


def check(job: str) -> str:
    """The id. Raises LogsError where it is none."""
    if not JOB.fullmatch(job):
        raise LogsError("this is no id of a job, which `penstock jobs list` shows")
    return job


def lines_of(job: str, source: str, log: Iterable[str]) -> Iterator[Line]:
    """The lines of one log that name the job."""
    at, held = datetime.min.replace(tzinfo=UTC), [""]
    for raw in log:
        text = ANSI.sub("", raw.rstrip())
        time = time_of(text)
        if time is None:
            held.append(text)
            continue
        yield from _whole(job, source, at, held)
        at, held = time, [text]
    yield from _whole(job, source, at, held)


def _whole(job: str, source: str, at: datetime, held: list[str]) -> Iterator[Line]:
    text = "\n".join(held)
    if job in text:
        yield Line(at, source, text)


def time_of(text: str) -> datetime | None:
    """When a line was written, as it says itself; None where it begins with no time."""
    if text.startswith("{"):
        with suppress(ValueError, KeyError, TypeError):
            return datetime.fromisoformat(json.loads(text)["timestamp"])
    found = STARTS.search(text[:40])
    if found is None:
        return None
    zone = found[3] or "+00:00"
    return datetime.fromisoformat(f"{found[1]}T{found[2].replace(',', '.')}{zone}")


def in_folder(job: str, folder: Path) -> list[Line]:
    """Of the suite whose state lies in a folder. Raises LogsError where it keeps no logs."""
    logs = folder.expanduser() / "logs"
    if not logs.is_dir():
        raise LogsError(f"{logs} is no folder, so no suite has run on {folder}; -n looks on a cluster instead")
    found: list[Line] = []
    # The older file of each process comes first, for lines of the same time.
    for path in sorted(logs.glob("*.log.1")) + sorted(logs.glob("*.log")):
        with path.open(encoding="utf-8", errors="replace") as file:
            found += lines_of(job, path.name.partition(".")[0], file)
    return in_order(found)


def in_order(lines: Iterable[Line]) -> list[Line]:
    """The oldest first."""
    return sorted(lines, key=lambda line: line.at)


def _fields(text: str) -> dict[str, Any] | None:
    if text.startswith("{"):
        with suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                return found
    return None
