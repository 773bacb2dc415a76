"""The supervisor, a process of its own: it starts what is not running, as a node's kubelet does.

`python -m chaos.supervisor FOLDER`. When it is killed, all that it started is killed with it, as by a power cut;
SIGTERM stops everything in order, as when a node is drained. A file `hold-<name>` keeps a process from being started.
"""

import contextlib
import json
import signal
import sys
import time
from pathlib import Path

import psutil
from chaos.suite import Layout, programs

from penstock_cli.local import orphans
from penstock_cli.local.processes import Child

LOOK_EVERY = 0.03
AGAIN_AFTER = 0.5
"""Seconds between two starts of one process at least."""

GRACE = 10.0
"""Seconds to end after SIGTERM before SIGKILL."""

LOG_BYTES = 50_000_000


class Supervisor:
    """Keeps the suite running. Not for threads: what it starts dies with the thread that started it."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.folder
        # What the last supervisor left is ended: prefork children, of whom only their parents had died.
        orphans.sweep(self._folder / "children.json", seconds=0.5)
        self._children = [
            Child(program, self._folder / "logs" / f"{program.name}.log", self._folder, LOG_BYTES)
            for program in programs(layout)
        ]
        self._stopping = False

    def run(self) -> None:
        """Until SIGTERM."""
        signal.signal(signal.SIGTERM, self._note)
        while not self._stopping:
            if self._look():
                self._publish()
            time.sleep(LOOK_EVERY)
        self._stop()

    def _note(self, *_: object) -> None:
        self._stopping = True

    def _look(self) -> bool:
        """Whether anything has changed. At each of them, also when one has."""
        changed = [self._look_at(child) for child in self._children]
        return any(changed)

    def _look_at(self, child: Child) -> bool:
        if child.has_ended():
            child.process = None
            return True
        held = (self._folder / f"hold-{child.program.name}").exists()
        if child.process is not None or held or time.monotonic() - child.since < AGAIN_AFTER:
            return False
        child.start()
        return True

    def _publish(self) -> None:
        pids = {child.program.name: child.pid for child in self._children if child.pid is not None}
        orphans.record(self._folder / "children.json", list(pids.values()))
        born = {}
        for name, pid in pids.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                born[name] = (pid, psutil.Process(pid).create_time())
        draft = self._folder / "processes.json.new"
        draft.write_text(json.dumps(born), encoding="utf-8")
        draft.replace(self._folder / "processes.json")

    def _stop(self) -> None:
        servers = [child for child in self._children if child.program.does == "server"]
        services = [child for child in self._children if child not in servers]
        for group in (services, servers):
            for child in group:
                child.ask_to_stop()
            deadline = time.monotonic() + GRACE
            while not all(child.has_stopped() for child in group) and time.monotonic() < deadline:
                time.sleep(LOOK_EVERY)
            for child in group:
                child.kill()


def process_of(folder: Path, name: str) -> psutil.Process | None:
    """The process of that name which runs now; None while there is none, or where a stranger has its number."""
    with contextlib.suppress(OSError, ValueError, LookupError, psutil.NoSuchProcess):
        pid, born = json.loads((folder / "processes.json").read_text(encoding="utf-8"))[name]
        process = psutil.Process(pid)
        if process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


if __name__ == "__main__":
    Supervisor(Layout.model_validate_json((Path(sys.argv[1]) / "layout.json").read_text(encoding="utf-8"))).run()
