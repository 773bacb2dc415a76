"""Redis as it is run in earnest: a server, a replica of it, and a sentinel that puts the one in the place of the other.

Each server is known by the port of a proxy before it, so that the way to it can be cut as well.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import redis
from pydantic import BaseModel, ConfigDict

from penstock_cli.embedded import redis_in, redis_server
from penstock_cli.local.processes import Program

GROUP = "chaos"
SENTINEL = "sentinel"

DOWN_AFTER = 2000
"""Milliseconds without an answer after which the replica takes over; a server that is started anew is sooner back."""

FAILOVER_TIMEOUT = 2000
"""Milliseconds; the sentinel begins no second failover within twice that."""


class RedisNode(BaseModel):
    """One server. `port` is its own, `public` its proxy's."""

    model_config = ConfigDict(frozen=True)

    name: str
    port: int
    public: int

    def data(self, folder: Path) -> Path:
        """Where it keeps its files, below the run's folder."""
        return folder / self.name


def programs(folder: Path, nodes: Sequence[RedisNode], sentinel: int, down_after: int) -> list[Program]:
    """The processes. What they learn of their roles is kept in files, so that one that starts again forgets none."""
    first = nodes[0]
    for node in nodes:
        known_as = ["replica-announce-ip 127.0.0.1", f"replica-announce-port {node.public}"]
        role = [] if node is first else [f"replicaof 127.0.0.1 {first.public}"]
        _write(_file(folder, node.name), [*known_as, *role])
    watch = [f"port {sentinel}", "bind 127.0.0.1", f"dir {folder}"]
    watch += [f"sentinel monitor {GROUP} 127.0.0.1 {first.public} 1"]
    watch += [f"sentinel down-after-milliseconds {GROUP} {down_after}"]
    watch += [f"sentinel failover-timeout {GROUP} {FAILOVER_TIMEOUT}"]
    _write(_file(folder, SENTINEL), watch)
    servers = [_program(folder, node.name, redis_in(node.data(folder), node.port).command[1:]) for node in nodes]
    return [*servers, _program(folder, SENTINEL, ["--sentinel"])]


def master(nodes: Sequence[RedisNode], sentinel: int) -> RedisNode | None:
    """The server that the sentinel names; None while it does not answer."""
    with suppress(redis.RedisError), redis.Redis(port=sentinel, socket_timeout=2) as client:
        _, port = client.sentinel_get_master_addr_by_name(GROUP)
        return next((node for node in nodes if node.public == int(port)), None)
    return None


def _program(folder: Path, name: str, options: list[str]) -> Program:
    return Program(name, "server", [redis_server(), str(_file(folder, name)), *options], lambda said: True)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.conf"


def _write(file: Path, lines: list[str]) -> None:
    if not file.exists():
        file.write_text("\n".join((*lines, "")), encoding="utf-8")
