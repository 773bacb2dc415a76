"""Stock Celery from 5.3 to 5.7 on one queue with ours: who sends, who runs, and what is left in the end."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from compat.sources import ENVIRONMENT, ROOT, SourceError
from compat.suites import LIBRARIES, TESTS

from penstock_contracts.queues import MAIL, Priority, list_name
from penstock_runtime.broker import transport_options
from penstock_runtime.settings import RuntimeSettings, load

HERE = Path(__file__).resolve().parent

VERSIONS = {"5.3.6": "5.3.7", "5.4.0": "5.4.2", "5.5.3": "5.5.4", "5.6.3": "5.6.2", "5.7.0": "5.7.0"}
"""The last of each line of Celery, and a kombu of its time."""

QUEUE = MAIL
RAN = "ran"
"""As in peer_app.py."""

SLOW = 0.05
"""Seconds that a task takes where workers are changed in the middle."""

WITHIN = 60.0


@dataclass(frozen=True)
class Peer:
    """Somebody on the queue. `python`: of whose environment; `ours`: with our transport."""

    name: str
    python: Path
    ours: bool


@dataclass(frozen=True)
class Exchanged:
    """One direction between a version of stock Celery and ours."""

    version: str
    direction: str
    sent: int
    once: int
    more: int
    left: int
    answered: str

    @property
    def good(self) -> bool:
        """Every task ran once, nothing is left on the queue or in flight, and a ping was answered."""
        return (self.once, self.more, self.left, self.answered) == (self.sent, 0, 0, "yes")


def ours(*, transport: bool = True) -> Peer:
    """Celery of the pinned version on our transport; or on its own, to compare with."""
    return Peer("ours", ENVIRONMENT / "bin" / "python", ours=transport)


def stock(version: str) -> Peer:
    """Stock Celery of this version, in an environment that is made where it is not there yet.

    Raises SourceError where it cannot be installed.
    """
    folder = ROOT / ".tools" / f"compat-{version}"
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        # Without a configuration: the versions of pyproject.toml must not bind these.
        uv = [str(ROOT / "scripts" / "uv"), "--no-config"]
        _do([*uv, "venv", "--quiet", "--allow-existing", "--python", str(ENVIRONMENT / "bin" / "python"), str(folder)])
        wanted = (f"celery[redis]=={version}", f"kombu=={VERSIONS[version]}")
        _do([*uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
        (folder / ".installed").touch()
    return Peer(version, python, ours=False)


def _do(words: list[str]) -> None:
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SourceError(f"{' '.join(words)}: {ran.stderr.strip()}")


class Line:
    """One queue in one Redis, and what stands in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.client = redis.Redis.from_url(url, decode_responses=True)
        settings = load(
            RuntimeSettings, CELERY_BROKER_URL=url, PENSTOCK_DATABASE_URL="postgresql://nobody@127.0.0.1:9/"
        )
        in_flight = {"unacked_key": QUEUE.unacked_key, "unacked_index_key": f"{QUEUE.unacked_key}_index"}
        self.options = transport_options(settings) | in_flight

    def environment(self, peer: Peer) -> dict[str, str]:
        """What tells peer_app.py who it is."""
        paths = (HERE, TESTS, *LIBRARIES) if peer.ours else (HERE,)
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
            "PEER_URL": self.url,
            "PEER_QUEUE": QUEUE.name,
            "PEER_OPTIONS": json.dumps(self.options),
            "PEER_OURS": "1" if peer.ours else "",
        }

    def ask(self, peer: Peer, what: str, prefix: str = "", count: int = 0, seconds: float = 0.0) -> bool:
        """Have it send tasks or ping the workers; whether it could."""
        words = [str(peer.python), str(HERE / "peer_app.py"), what, prefix, str(count), str(seconds)]
        return subprocess.run(words, env=self.environment(peer), timeout=WITHIN, check=False).returncode == 0

    @contextmanager
    def worker(self, peer: Peer) -> Iterator[subprocess.Popen[bytes]]:
        """A worker of two processes; it is told to end and awaited where it has not ended before."""
        words = [str(peer.python), "-m", "celery", "-A", "peer_app", "worker", "-c", "2", "-Q", QUEUE.name]
        words += ["-n", f"{peer.name}@%h", "--loglevel", "INFO"]
        with (self.folder / f"{peer.name}.log").open("ab") as log:
            process = subprocess.Popen(words, env=self.environment(peer), cwd=self.folder, stdout=log, stderr=log)
            try:
                yield process
            finally:
                process.terminate()
                process.wait(WITHIN)

    def ran(self) -> int:
        """How many runs there were."""
        return sum(int(count) for count in self.client.hvals(RAN))

    def left(self) -> int:
        """How many messages wait or are in flight."""
        waiting = sum(self.client.llen(list_name(QUEUE.name, priority)) for priority in Priority)
        return waiting + self.client.hlen(QUEUE.unacked_key) + self.client.zcard(f"{QUEUE.unacked_key}_index")

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until it holds or the time is over; what is counted afterwards shows which."""
        deadline = time.monotonic() + WITHIN
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)


def exchange(url: str, folder: Path, version: str, us: Peer, *, count: int) -> Iterator[Exchanged]:
    """Every direction with this version. Raises SourceError, as `stock` does."""
    them = stock(version)
    yield _sent_and_run(Line(url, folder), version, "stock sends, ours runs", them, us, count)
    yield _sent_and_run(Line(url, folder), version, "ours sends, stock runs", us, them, count)
    yield _together(Line(url, folder), version, us, them, count)
    for first, second, direction in ((them, us, "stock gives way to ours"), (us, them, "ours gives way to stock")):
        yield _rolled(Line(url, folder), version, direction, first, second, count)


def _sent_and_run(line: Line, version: str, direction: str, sender: Peer, runner: Peer, count: int) -> Exchanged:
    line.client.flushall()
    line.ask(sender, "send", "a", count)
    with line.worker(runner):
        line.wait(lambda: line.ran() >= count)
        answered = line.ask(sender, "ping")
    return _counted(line, version, direction, count, answered)


def _together(line: Line, version: str, us: Peer, them: Peer, count: int) -> Exchanged:
    line.client.flushall()
    with line.worker(us), line.worker(them):
        line.ask(us, "send", "a", count)
        line.ask(them, "send", "b", count)
        line.wait(lambda: line.ran() >= 2 * count)
        answered = line.ask(us, "ping") and line.ask(them, "ping")
    return _counted(line, version, "both send, both run", 2 * count, answered)


def _rolled(line: Line, version: str, direction: str, first: Peer, second: Peer, count: int) -> Exchanged:
    line.client.flushall()
    line.ask(first, "send", "a", count, SLOW)
    line.ask(second, "send", "b", count, SLOW)
    with ExitStack() as workers:
        leaving = workers.enter_context(line.worker(first))
        line.wait(lambda: line.ran() >= count // 2)
        workers.enter_context(line.worker(second))
        leaving.send_signal(signal.SIGTERM)
        line.wait(lambda: line.ran() >= 2 * count)
        answered = line.ask(first, "ping")
    return _counted(line, version, direction, 2 * count, answered)


def _counted(line: Line, version: str, direction: str, sent: int, answered: bool) -> Exchanged:
    """After all workers have ended: what they had not acknowledged would be left."""
    counts = [int(count) for count in line.client.hvals(RAN)]
    once, more = sum(count == 1 for count in counts), sum(count > 1 for count in counts)
    return Exchanged(version, direction, sent, once, more, line.left(), "yes" if answered else "no")
