"""The machine that is tested: its supervisor, which is started again when it has died."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from chaos.sight import LOOK_EVERY, wait_for
from chaos.suite import Layout

from penstock_cli.local.orphans import die_with_parent

STOP_SECONDS = 60


class Node:
    """For the main thread: the supervisor dies with the thread that started it. Others may read `supervisor`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._started: subprocess.Popen[bytes] = self._start()

    @property
    def supervisor(self) -> psutil.Process | None:
        """The process; None where it has just died."""
        try:
            return psutil.Process(self._started.pid)
        except psutil.NoSuchProcess:
            return None

    def until(self, condition: Callable[[], object], seconds: float, *, every: float = LOOK_EVERY) -> bool:
        """Keep the supervisor running until the condition holds, for so long at most."""

        def look() -> object:
            if self._started.poll() is not None:
                self._started = self._start()
            return condition()

        return bool(wait_for(look, seconds, every=every))

    def stop(self) -> None:
        """End everything."""
        self._started.send_signal(signal.SIGCONT)
        self._started.terminate()
        self._started.wait(STOP_SECONDS)

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self._layout.folder / "supervisor.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "chaos.supervisor", str(self._layout.folder)],
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )


@contextmanager
def running(layout: Layout) -> Iterator[Node]:
    """A node that is stopped at the end, whatever happens."""
    node = Node(layout)
    try:
        yield node
    finally:
        node.stop()
