"""One child process: what it is, how it is started, told to stop, and killed."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from penstock_cli.local.logs import head, keep_within, last_lines, open_log
from penstock_cli.local.orphans import die_with_parent
from penstock_runtime.errors import PenstockError

SHOWN_LINES = 12
"""How many of its last log lines are shown when a process has died."""


class ProcessError(PenstockError):
    """A process could not be started, ended by itself, or did not get ready."""

    code = "process"


@dataclass(frozen=True)
class Program:
    """What to run, and how to tell that it is ready: `ready` is given what it has logged since its start.

    orphan_signal: what it gets when its parent is killed; for a server that should close its files, not KILL.
    """

    name: str
    does: str
    command: list[str]
    ready: Callable[[bytes], bool]
    address: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL


class Phase(StrEnum):
    """Where a child stands, as people read it."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Child:
    """One program with the process that runs it now, if any. Each start has a process group of its own."""

    def __init__(self, program: Program, log: Path, folder: Path, log_bytes: int) -> None:
        self.program = program
        self.log = log
        self.phase = Phase.WAITING
        self.restarts = 0
        self.due = 0.0
        self.since = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self._log_bytes = log_bytes
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start the process. A ctrl-C at the terminal does not reach it: the supervisor stops it in order.

        Raises ProcessError where the command cannot be run.
        """
        with open_log(self.log) as log:
            self._log_start = log.seek(0, os.SEEK_END)
            try:
                self.process = subprocess.Popen(
                    self.program.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    env={**os.environ, **self.program.environment},
                    user=self.program.user,
                    start_new_session=True,
                    preexec_fn=die_with_parent(self.program.orphan_signal),
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise ProcessError(f"{self.program.name} could not be started: {error}") from error
        self.phase = Phase.STARTING
        self.since = time.monotonic()

    def has_ended(self) -> bool:
        """Whether the process that was started has ended. What it leaves of its group is killed."""
        if self.process is None or self.process.poll() is None:
            return False
        self._signal_group(signal.SIGKILL)
        return True

    def is_ready(self) -> bool:
        """Ask the program; once it is ready it stays so until it ends."""
        # A dead one is not asked: what answers at its port is then another server.
        if self.phase is Phase.STARTING and not self.has_ended():
            said = head(self.log, self._log_start)
            self.phase = Phase.READY if self.program.ready(said) else Phase.STARTING
        return self.phase is Phase.READY

    def ask_to_stop(self) -> None:
        """Send the stop signal to the process alone: its own children are its to stop."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)
            self.phase = Phase.STOPPING
        elif self.process is not None:
            self.phase = Phase.STOPPED

    def has_stopped(self) -> bool:
        """Whether nothing of it runs any more, after it was asked to stop; or never did."""
        if self.phase is Phase.STOPPING and self.has_ended():
            self.phase = Phase.STOPPED
        return self.phase in (Phase.STOPPED, Phase.WAITING)

    def kill(self) -> None:
        """Kill the process and all of its group, and wait for its end."""
        if self.process is not None:
            self._signal_group(signal.SIGKILL)
            self.process.wait()
        self.phase = Phase.STOPPED

    def tidy_log(self) -> None:
        """Keep the log within its bound."""
        if self.log.exists() and keep_within(self.log, self._log_bytes):
            self._log_start = 0

    def obituary(self) -> str:
        """How it ended and what it said last, for people."""
        status = self.process.returncode if self.process else None
        how = f"ended with status {status}"
        if status and status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        said = "\n".join(f"    {line}" for line in last_lines(self.log, SHOWN_LINES, since=self._log_start))
        return f"{self.program.name} {how}; log: {self.log}" + (f"\n{said}" if said else "")

    def _signal_group(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
