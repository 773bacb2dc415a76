"""A Redis of the test's own that may refuse, die, and come back with what it kept."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from penstock_cli.embedded import Server, redis_in
from penstock_cli.local.ports import free_port


class OwnRedis:
    """One server, with an append-only file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Server = redis_in(folder / "redis", free_port())
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self._server.url
        self.file = folder / "redis" / "appendonly.aof"
        self.client: Any = redis.Redis.from_url(self.url, decode_responses=True)
        self.start()

    def start(self) -> None:
        with (self._folder / "redis.log").open("ab") as log:
            self._process = self._server.start(log)
        self._server.wait(self._process)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def refuse(self, *, refuses: bool = True) -> None:
        """Write nothing, for want of replicas."""
        self.client.config_set("min-replicas-to-write", int(refuses))


@contextmanager
def own_redis(folder: Path) -> Iterator[OwnRedis]:
    made = OwnRedis(folder)
    try:
        yield made
    finally:
        made.client.close()
        made.kill()
