"""A disk of a few megabytes, which a test can fill: a file system in memory, where this machine lets one be mounted."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCK = 64 * 1024


@contextmanager
def small_disk(folder: Path, *, megabytes: int, options: str = "mode=0777") -> Iterator[Path]:
    """The folder, which is made, as a disk of that size. Skips the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,{options}", "penstock-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a server that was just killed may still let go of it.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Fill the disk up to `leave` bytes, and return the file to delete for room."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize > leave:
                file.write(b"x" * min(BLOCK, max(1, os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave)))
        except OSError:  # it is full
            assert leave == 0, "the disk is fuller than it is to be"
    return filler
