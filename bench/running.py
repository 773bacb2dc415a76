"""What a measurement runs on: real servers and services as child processes, in a folder that is gone afterwards."""

import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil
import redis
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from penstock_cli.embedded import Server, postgres_in, redis_in
from penstock_cli.local.ports import HOST, free_port
from penstock_cli.local.processes import Program
from penstock_cli.local.state import State
from penstock_cli.local.supervisor import Bounds, Supervisor
from penstock_runtime.keys import create_key
from penstock_runtime.migrate import upgrade

ROOT = Path(__file__).resolve().parents[1]

UNLIMITED = "1000000000/minute"


class Ground:
    """PostgreSQL and Redis, both keeping what they are told on this machine's disk, and whatever is started on them."""

    def __init__(self, supervisor: Supervisor, folder: Path, shared_buffers: str | None = None) -> None:
        self._supervisor = supervisor
        self.folder = folder
        self.shared_buffers = shared_buffers
        self._postgres = postgres_in(folder / "postgres", free_port())
        if shared_buffers:  # of what is said twice, the last counts
            command = [*self._postgres.command, "-c", f"shared_buffers={shared_buffers}"]
            self._postgres = replace(self._postgres, command=command)
        redis_server = self.redis("redis")
        self.postgres_process, self.redis_process = self.start(server(self._postgres), server(redis_server))
        self.database_url = self._postgres.url
        self.redis_url = redis_server.url
        upgrade(self.database_url)
        with self.database.begin() as connection:
            _, self.key = create_key(connection, "default", "a measurement")

    @property
    def database(self) -> Engine:
        """For looks at the ledger from outside."""
        return create_engine(self.database_url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)

    def redis(self, name: str, *arguments: str) -> Server:
        """A Redis of one's own, with arguments for its command line."""
        made = redis_in(self.folder / name, free_port())
        return replace(made, name=name, command=[*made.command, *arguments])

    def start(self, *programs: Program) -> list[psutil.Process]:
        """Start these and return once all are ready. Raises ProcessError."""
        return _started(self._supervisor, programs)

    @contextmanager
    def running(self, *programs: Program) -> Iterator[list[psutil.Process]]:
        """As `start`, and stop them when the block ends. Raises ProcessError also where one has ended before."""
        supervisor = _supervisor(self.folder)
        try:
            yield _started(supervisor, programs)
            supervisor.watch()
        finally:
            supervisor.stop()

    def environment(self, port: int, workers: int) -> dict[str, str]:
        """What an API on this ground is told. No bound on the rate, which is what is measured."""
        return {
            "CELERY_BROKER_URL": self.redis_url,
            "PENSTOCK_DATABASE_URL": self.database_url,
            "PENSTOCK_STORAGE_URL": (self.folder / "storage").as_uri(),
            "PENSTOCK_SECRET_KEY": "a key that only this run knows",
            "PENSTOCK_API_PORT": str(port),
            "PENSTOCK_API_WORKERS": str(workers),
            "PENSTOCK_API_KEY_RATE": UNLIMITED,
            "PENSTOCK_API_ADDRESS_RATE": UNLIMITED,
            "PENSTOCK_REGISTRATION_RATE": UNLIMITED,
            "PYTHONPATH": str(ROOT),
        }


@contextmanager
def ground(shared_buffers: str | None = None) -> Iterator[Ground]:
    """A new one, stopped and deleted at the end. shared_buffers: PostgreSQL's, if not as usual."""
    parent = ROOT / ".penstock"
    parent.mkdir(exist_ok=True)
    with ExitStack() as stack:
        # Not the system's folder for temporary files, which may be memory, where a sync to disk costs nothing.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent, prefix="bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user where this runs as root
        supervisor = _supervisor(folder)
        stack.callback(supervisor.stop)
        yield Ground(supervisor, folder, shared_buffers)


def gunicorn(name: str, port: int, environment: Mapping[str, str], *arguments: str) -> Program:
    """An HTTP service under the API's own configuration of gunicorn; `arguments` go before it."""
    command = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf", *arguments]
    url = f"http://{HOST}:{port}"
    return Program(name, "answers", command, ready=lambda said: answers(f"{url}/healthz"), environment=environment)


def server(made: Server) -> Program:
    """A server as a program."""
    return Program(
        made.name,
        "keeps",
        made.command,
        ready=lambda said: made.answers(),
        user=made.user,
        stop_signal=made.stop_signal,
        orphan_signal=made.stop_signal,
    )


def answers(url: str) -> bool:
    """Whether an HTTP server answers there, whatever it says."""
    try:
        httpx.get(url, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process and its children so far."""
    return float(sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True))))


def cpu_nanoseconds(process: psutil.Process) -> int:
    """The same without the clock's steps of 10 ms, of threads that live. Linux only.

    Source: /proc/<pid>/task/<tid>/schedstat.
    """
    told = (
        thread.read_text().split()
        for one in (process, *process.children(recursive=True))
        for thread in Path(f"/proc/{one.pid}/task").glob("*/schedstat")
    )
    return sum(int(on_cpu) for on_cpu, *_ in told)


@dataclass(frozen=True)
class Machine:
    """Where it was measured, and how the servers keep what they are told."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load: float
    postgresql: str
    redis: str

    @classmethod
    def of(cls, ground: Ground | None) -> "Machine":
        """This one, as it is now; without servers where nothing runs on a ground."""
        postgresql, redis_server = _servers(ground) if ground else ("", "")
        return cls(
            processor=_processor(),
            cores=psutil.cpu_count() or 0,
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            system=platform.platform(),
            python=platform.python_version(),
            load=round(psutil.getloadavg()[0], 1),
            postgresql=postgresql,
            redis=redis_server,
        )


def _servers(ground: Ground) -> tuple[str, str]:
    with ground.database.connect() as connection:

        def shown(name: str) -> str:
            return f"{name} {connection.exec_driver_sql(f'SHOW {name}').scalar_one()}"

        names = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
        version = connection.exec_driver_sql("SHOW server_version").scalar_one()
        postgresql = ", ".join([f"PostgreSQL {version}", *map(shown, names)])
    with redis.Redis.from_url(ground.redis_url, decode_responses=True) as client:
        version = client.info("server")["redis_version"]
        kept = [f"{name} {client.config_get(name)[name]}" for name in ("appendonly", "appendfsync")]
    return postgresql, ", ".join([f"Redis {version}", *kept])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _supervisor(folder: Path) -> Supervisor:
    bounds = Bounds(start=120, stop=30, restarts=0, log_bytes=100_000_000)
    return Supervisor(State(folder), bounds, say=_say, show=lambda: None, interrupts=lambda: 0)


def _started(supervisor: Supervisor, programs: Sequence[Program]) -> list[psutil.Process]:
    children = supervisor.add(list(programs))
    supervisor.start(children)
    return [psutil.Process(child.pid) for child in children]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
