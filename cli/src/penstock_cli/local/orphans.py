"""No process of a local run outlives the one that started it, however that one ends."""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): the signal this process gets when the thread that started it ends."""

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the child gets `with_signal` when its parent ends. Linux only.

    Start the child in the main thread, for it is the thread's end that counts. What runs between fork and
    exec takes no lock and loads nothing: the function was looked up before.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if _prctl is not None:
            _prctl(PR_SET_PDEATHSIG, int(with_signal))
            if os.getppid() != parent:  # it died before the line above
                os.kill(os.getpid(), with_signal)

    return before_exec


def record(path: Path, children: list[int]) -> None:
    """Keep the ids of the running children, each the leader of a process group, for `sweep` after a crash."""
    born = {}
    for pid in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            born[str(pid)] = psutil.Process(pid).create_time()
    path.write_text(json.dumps(born), encoding="utf-8")


def sweep(path: Path, *, seconds: float = 5) -> list[int]:
    """End what an earlier run recorded and left, and return the groups that had to be killed.

    They are given `seconds` to end by themselves: PostgreSQL is then shutting down in order.
    """
    try:
        born = {int(pid): float(at) for pid, at in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return []
    deadline = time.monotonic() + seconds
    while (left := _left(born)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in left:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    path.unlink(missing_ok=True)
    return left


def _left(born: dict[int, float]) -> list[int]:
    """The recorded groups that still have a process, without those whose number now belongs to a stranger."""
    groups = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if process.status() != psutil.STATUS_ZOMBIE:
                groups.add(os.getpgid(process.pid))
    return [leader for leader, at in born.items() if leader in groups and not _is_stranger(leader, at)]


def _is_stranger(pid: int, born: float) -> bool:
    """Whether another process has this id now. The number of a group that still runs is not given away."""
    try:
        return bool(abs(psutil.Process(pid).create_time() - born) >= 1)
    except psutil.NoSuchProcess:
        return False
