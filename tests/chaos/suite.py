"""What runs: the whole suite as processes of its own, with leases short enough that a dead worker costs seconds."""

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from penstock_cli.embedded import Server, postgres_in, redis_in
from penstock_cli.local.ports import free_port
from penstock_cli.local.processes import Program
from penstock_contracts.queues import QUEUES, Pool, Queue
from penstock_runtime.settings import RuntimeSettings, load

LEASE = 2.0
"""Seconds. A process that is stopped for longer has lost its jobs."""

SETTINGS = {
    "PENSTOCK_LEASE": str(LEASE),
    "PENSTOCK_RENEW_EVERY": "0.4",
    "PENSTOCK_RELAY_EVERY": "0.2",
    "PENSTOCK_REDIS_TIMEOUT": "1",
    "PENSTOCK_PUBLISH_TIMEOUT": "3",
    "PENSTOCK_START_WITHIN": "5",
    "PENSTOCK_RETRY_FIRST": "0.5",
    "PENSTOCK_API_WORKERS": "1",
    # One address is one job: a registration that is repeated because its answer was lost must find the first one.
    "PENSTOCK_REGISTRATION_WINDOW": "86400",
    "PENSTOCK_REGISTRATION_RATE": "unlimited",
    "PENSTOCK_API_KEY_RATE": "unlimited",
    "PENSTOCK_API_ADDRESS_RATE": "unlimited",
    "PYTHONWARNINGS": "ignore",
}
SCHEDULER = "scheduler"
CONCURRENCY = {Pool.PREFORK: "1", Pool.GEVENT: "10"}


class Layout(BaseModel):
    """Where one run keeps its files and listens. `replicas`: worker processes of each queue, and schedulers."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    replicas: int
    api: int
    smtp: int
    redis: int
    postgres: int

    @classmethod
    def choose(cls, folder: Path, replicas: int) -> "Layout":
        """Free ports, written down in the folder for the supervisor to read."""
        names = ("api", "smtp", "redis", "postgres")
        layout = cls(folder=folder, replicas=replicas, **{name: free_port() for name in names})
        (folder / "layout.json").write_text(layout.model_dump_json(), encoding="utf-8")
        return layout

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api}"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis}/0"

    @property
    def redis_folder(self) -> Path:
        return self.folder / "redis"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def settings(self) -> RuntimeSettings:
        """As the suite's processes have them."""
        return load(RuntimeSettings, CELERY_BROKER_URL=self.redis_url, PENSTOCK_DATABASE_URL=self._database_url)

    @property
    def _database_url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.postgres}/postgres"

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the suite is told."""
        return SETTINGS | {
            "CELERY_BROKER_URL": self.redis_url,
            "CELERY_RESULT_BACKEND": self._database_url,
            "PENSTOCK_DATABASE_URL": self._database_url,
            "PENSTOCK_STORAGE_URL": self.storage.as_uri(),
            "PENSTOCK_SECRET_KEY": "a key that only this run knows",
            "PENSTOCK_API_PORT": str(self.api),
            "PENSTOCK_SMTP_HOST": "127.0.0.1",
            "PENSTOCK_SMTP_PORT": str(self.smtp),
        }


def replicas(name: str, layout: Layout) -> list[str]:
    """The names of the processes that are alike: a queue's workers, or the schedulers."""
    return [f"{name}-{number}" for number in range(1, layout.replicas + 1)]


def worker_name(process: str) -> str:
    """What Celery calls that worker, and what stands in the rows of its jobs."""
    return f"{process}@chaos"


def programs(layout: Layout) -> list[Program]:
    """Every process, in the order of their start. Makes the servers' files where there are none."""
    environment = layout.environment
    workers = [
        Program(name, queue.name, _worker(queue, name), _unasked, environment=environment)
        for queue in QUEUES
        for name in replicas(queue.name, layout)
    ]
    beat = [sys.executable, "-m", "celery", "-A", "penstock_scheduler.app", "beat"]
    api = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
    return [
        _server(postgres_in(layout.folder / "postgres", layout.postgres)),
        _server(redis_in(layout.redis_folder, layout.redis)),
        *workers,
        *(Program(name, "relay", beat, _unasked, environment=environment) for name in replicas(SCHEDULER, layout)),
        Program("api", "api", api, _unasked, environment=environment),
    ]


def _worker(queue: Queue, name: str) -> list[str]:
    module = f"penstock_{queue.service.replace('-', '_')}.app"
    command = [sys.executable, "-m", "celery", "-A", module, "worker", "-Q", queue.name, "-n", worker_name(name)]
    command += ["-P", queue.pool, "-c", CONCURRENCY[queue.pool], "--loglevel", "INFO"]
    return [*command, "--without-gossip", "--without-mingle"]


def _server(server: Server) -> Program:
    return Program(server.name, "server", server.command, _unasked, user=server.user, stop_signal=server.stop_signal)


def _unasked(said: bytes) -> bool:
    # Whether a job is seen running tells more about readiness than a log does.
    return True
