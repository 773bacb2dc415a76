"""One shell for all commands of a document, as somebody has who follows it."""

import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LONGEST = 90
"""Seconds for the commands of one block."""


@dataclass(frozen=True)
class Ran:
    """What commands printed, on standard output and on standard error."""

    output: str
    told: str


class Shell:
    """A POSIX shell that keeps variables, functions and what runs in the background from one step to the next.

    A command that fails ends it, as does an unset variable.
    """

    def __init__(self, folder: Path, scratch: Path, environment: dict[str, str]) -> None:
        self._scratch = scratch
        self._steps = 0
        self._process = subprocess.Popen(
            ["sh", "-eu"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, commands: str) -> Ran:
        """Run the commands to their end. Raises AssertionError where one fails."""
        self._steps += 1
        script, output, told, done = (self._scratch / f"{self._steps}.{name}" for name in ("sh", "out", "err", "done"))
        script.write_text(f"{commands}\n", encoding="utf-8")
        files = [shlex.quote(str(path)) for path in (script, output, told, done)]
        assert self._process.stdin is not None
        line = ". {} </dev/null >{} 2>{}; : >{}\n".format(*files)
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        deadline = time.monotonic() + LONGEST
        while not done.exists() and self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        ran = Ran(output.read_text(errors="replace"), told.read_text(errors="replace"))
        why = "a command failed" if self._process.poll() is not None else f"no end within {LONGEST} s"
        assert done.exists(), f"{why}:\n{commands}\n\nprinted:\n{ran.output}\n{ran.told}"
        return ran

    def close(self) -> None:
        """End it, and what it started in the background."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
