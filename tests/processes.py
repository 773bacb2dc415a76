"""Processes of a test's own, and waiting for what they do."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest


def eventually(condition: Callable[[], Any], what: str, *, seconds: float = 90, every: float = 0.02) -> Any:
    """The first true answer of `condition`, or a failure that says what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(every)
    pytest.fail(f"within {seconds:.0f} s it did not happen that {what}")


@dataclass(frozen=True)
class Running:
    """A process of the test's own, and its log."""

    process: psutil.Popen
    log: Path
    heartbeat: Path

    def says(self, words: str) -> bool:
        return words in self.text()

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL it and its children at once, as a machine that loses power does."""
        for one in [self.process, *self.process.children(recursive=True)]:
            one.send_signal(signal.SIGKILL)
        self.process.wait(10)


def celery(*arguments: str, environment: dict[str, str], log: Path, until: str, cwd: Path) -> Running:
    """Start `celery …`, and wait until it says that it runs. Whoever starts it kills it."""
    heartbeat = log.with_suffix(".heartbeat")
    with log.open("wb") as output:
        process = psutil.Popen(
            [sys.executable, "-m", "celery", *arguments],
            cwd=cwd,
            env={"PENSTOCK_HEARTBEAT_FILE": str(heartbeat)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    running = Running(process, log, heartbeat)
    try:
        eventually(lambda: running.says(until) or process.poll() is not None, f"{arguments} says {until!r}")
        assert running.says(until), running.text()
    except BaseException:
        process.kill()
        raise
    return running
