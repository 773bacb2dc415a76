"""What runs: the whole suite as processes of its own, with leases short enough that a dead worker costs seconds."""

import sys
from pathlib import Path

from chaos import redis_nodes, shop
from chaos.plan import Bare
from chaos.redis_nodes import RedisNode
from pydantic import BaseModel, ConfigDict

from penstock_cli.embedded import Server, postgres_in
from penstock_cli.local.ports import free_port
from penstock_cli.local.processes import Program
from penstock_cli.local.suite import CELERY
from penstock_contracts.queues import QUEUES, Pool, Queue
from penstock_runtime.settings import RuntimeSettings, load

LEASE = 2.0
"""Seconds. A process that is stopped for longer has lost its jobs."""

SETTINGS = {
    "PENSTOCK_LEASE": str(LEASE),
    "PENSTOCK_RENEW_EVERY": "0.4",
    "PENSTOCK_RELAY_EVERY": "0.2",
    "PENSTOCK_REDIS_TIMEOUT": "1",
    "PENSTOCK_RABBITMQ_TIMEOUT": "1",
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
NEVER = 86_400_000
"""Milliseconds, longer than any run."""

CONCURRENCY = {Pool.PREFORK: "1", Pool.GEVENT: "10"}


class Layout(BaseModel):
    """Where one run keeps its files and listens. `replicas`: worker processes of each queue, and schedulers.

    pool: of the only workers that run; None: all do. bare: the transport of a Celery application that runs instead of
    Penstock. rabbitmq: its URL, where it is in the place of Redis.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    replicas: int
    api: int
    smtp: int
    postgres: int
    sentinel: int
    redis: tuple[RedisNode, RedisNode]
    pool: Pool | None = None
    bare: Bare | None = None
    rabbitmq: str = ""

    @classmethod
    def choose(
        cls, folder: Path, replicas: int, pool: Pool | None = None, bare: Bare | None = None, rabbitmq: str = ""
    ) -> "Layout":
        """Free ports, written down in the folder for the supervisor to read."""
        ports = {name: free_port() for name in ("api", "smtp", "postgres", "sentinel")}
        first, second = (RedisNode(name=f"redis-{n}", port=free_port(), public=free_port()) for n in (1, 2))
        more = {"pool": pool, "bare": bare, "rabbitmq": rabbitmq}
        layout = cls(folder=folder, replicas=replicas, redis=(first, second), **more, **ports)
        (folder / "layout.json").write_text(layout.model_dump_json(), encoding="utf-8")
        return layout

    @property
    def slots(self) -> dict[str, int]:
        """How many jobs of each queue run at the same time."""
        return {queue.name: self.replicas * int(CONCURRENCY[queue.pool]) for queue in QUEUES}

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api}"

    @property
    def broker_url(self) -> str:
        return self.rabbitmq or f"sentinel://127.0.0.1:{self.sentinel}/0"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def settings(self) -> RuntimeSettings:
        """As the suite's processes have them."""
        parts = {"PENSTOCK_DATABASE_URL": self.database_url, "redis_sentinel_master": redis_nodes.GROUP}
        return load(RuntimeSettings, CELERY_BROKER_URL=self.broker_url, **parts)

    @property
    def database_url(self) -> str:
        """PostgreSQL, as libpq takes it."""
        return f"postgresql://postgres@127.0.0.1:{self.postgres}/postgres"

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the suite is told."""
        return SETTINGS | {
            "CELERY_BROKER_URL": self.broker_url,
            "PENSTOCK_REDIS_SENTINEL_MASTER": redis_nodes.GROUP,
            "CELERY_RESULT_BACKEND": self.database_url,
            "PENSTOCK_DATABASE_URL": self.database_url,
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
    return [*_servers(layout), *(_shop(layout, layout.bare) if layout.bare else _penstock(layout))]


def _penstock(layout: Layout) -> list[Program]:
    environment = layout.environment
    workers = [
        Program(name, queue.name, _worker(queue, name), _unasked, environment=environment)
        for queue in QUEUES
        if layout.pool in (None, queue.pool)
        for name in replicas(queue.name, layout)
    ]
    beat = [*CELERY, "-A", "penstock_scheduler.app", "beat"]
    api = [sys.executable, "-m", "gunicorn", "-c", "python:penstock_api.gunicorn_conf"]
    return [
        *workers,
        *(Program(name, "relay", beat, _unasked, environment=environment) for name in replicas(SCHEDULER, layout)),
        Program("api", "api", api, _unasked, environment=environment),
    ]


def _worker(queue: Queue, name: str) -> list[str]:
    module = f"penstock_{queue.service.replace('-', '_')}.app"
    command = [*CELERY, *_celery(module, name, queue.name), *_pool(queue.pool)]
    return [*command, "--without-gossip", "--without-mingle"]


def _celery(module: str, name: str, queue: str) -> list[str]:
    return ["-A", module, "worker", "-Q", queue, "-n", worker_name(name)]


def _pool(pool: Pool) -> list[str]:
    return ["-P", pool, "-c", CONCURRENCY[pool], "--loglevel", "INFO"]


def _shop(layout: Layout, transport: Bare) -> list[Program]:
    """The workers of the application without the ledger, called like those of Penstock's first queue of that pool."""
    queue = next(queue for queue in QUEUES if queue.pool is layout.pool)
    started = []
    for name in replicas(queue.name, layout):
        environment = {
            "CELERY_BROKER_URL": layout.broker_url,
            "CHAOS_TRANSPORT": transport,
            "CHAOS_DATABASE_URL": layout.database_url,
            "CHAOS_WORKER": worker_name(name),
        }
        command = [sys.executable, "-m", "celery", *_celery("chaos.shop", name, shop.QUEUE), *_pool(queue.pool)]
        started.append(Program(name, shop.QUEUE, command, _unasked, environment=environment))
    return started


def _servers(layout: Layout) -> list[Program]:
    # What a replica has not yet heard of, a failover loses; only the ledger has it still.
    down_after = NEVER if layout.bare else redis_nodes.DOWN_AFTER
    postgres = _server(postgres_in(layout.folder / "postgres", layout.postgres))
    if layout.rabbitmq:
        return [postgres]
    return [postgres, *redis_nodes.programs(layout.folder, layout.redis, layout.sentinel, down_after)]


def _server(server: Server) -> Program:
    return Program(server.name, "server", server.command, _unasked, user=server.user, stop_signal=server.stop_signal)


def _unasked(said: bytes) -> bool:
    # Whether a job is seen running tells more about readiness than a log does.
    return True
