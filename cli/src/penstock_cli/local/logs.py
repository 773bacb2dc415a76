"""One log file per process, bounded in size."""

import os
import shutil
from pathlib import Path
from typing import IO

BLOCK = 64 * 1024
"""Bytes read from a log's end."""


def open_log(path: Path) -> IO[bytes]:
    """A log file for a process. It is opened for appending, so that `keep_within` may cut it while in use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def keep_within(path: Path, most: int) -> bool:
    """Move a log above `most` bytes to `<name>.1`, replacing the one before, and tell whether that was done.

    The writer keeps its file, so the content is copied and the file cut; a line that is written between the
    two is lost.
    """
    if path.stat().st_size <= most:
        return False
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
    return True


def last_lines(path: Path, count: int, *, since: int = 0) -> list[str]:
    """The last lines that are not empty, of those after byte `since`. A line is cut at 500 characters."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - BLOCK, since if since <= end else 0))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return [line.rstrip()[:500] for line in lines if line.strip()][-count:]


def head(path: Path, since: int) -> bytes:
    """The first bytes that were written after byte `since`: what a process said while it started."""
    with path.open("rb") as file:
        file.seek(since)
        return file.read(BLOCK)
