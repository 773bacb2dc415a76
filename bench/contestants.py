"""Who takes jobs: Penstock, and stock Celery in three ways, each behind gunicorn with the API's configuration."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from bench.peer_app import QUEUE
from bench.running import Ground, gunicorn, server

from penstock_cli.local.ports import free_port
from penstock_contracts.queues import OPS_TRACE

SAME = ("bench.peer_app:same()",)
BARE = ("--worker-class", "gevent", "bench.peer_app:bare()")
"""Arguments of gunicorn's. The API's own worker class is gunicorn's gevent worker with answers to what is no HTTP, and
asks its application for what only the API has."""


@dataclass(frozen=True)
class Contestant:
    """One who takes jobs: where it answers, and where they must lie afterwards."""

    name: str
    process: psutil.Process
    port: int
    redis_url: str
    redis_process: psutil.Process
    queue: str
    ledger: bool


def contestants(ground: Ground, workers: int) -> Iterator[Contestant]:
    """Started, Penstock first. workers: gunicorn's processes, of each."""
    # A Redis that syncs each write, as PostgreSQL does, so that what is compared is as durable.
    always = ground.redis("redis-always", "--appendfsync", "always")
    [always_process] = ground.start(server(always))
    plain, synced = (ground.redis_url, ground.redis_process), (always.url, always_process)
    for name, arguments, (url, process) in (
        ("Penstock", (), plain),
        ("Celery, same app", SAME, plain),
        ("Celery, bare Flask", BARE, plain),
        ("Celery, bare, synced", BARE, synced),
    ):
        port = free_port()
        environment = ground.environment(port, workers) | {
            "CELERY_BROKER_URL": url,
            "PEER_KEY_SHA256": hashlib.sha256(ground.key.encode()).hexdigest(),
        }
        program = gunicorn(name.replace(", ", "-").replace(" ", "-"), port, environment, *arguments)
        [started] = ground.start(program)
        ours = not arguments
        yield Contestant(name, started, port, url, process, OPS_TRACE.name if ours else QUEUE, ours)
