"""A Redis server, its replica, and the sentinel that puts the one in the other's place."""

import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from processes import eventually

from penstock_cli.embedded import Server, redis_in, redis_server
from penstock_cli.local.ports import free_port

NAME = "jobs"


class Group:
    """Starts all three, and waits until the replica has what the master has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.ports = free_port(), free_port()
        self.master, self.replica = (
            self._start(redis_in(folder / str(number), port)) for number, port in enumerate(self.ports)
        )
        self.master.config_set("repl-diskless-sync-delay", 0)
        self.replica.replicaof("127.0.0.1", self.ports[0])
        eventually(lambda: self.replica.info("replication")["master_link_status"] == "up", "the replica is one")
        self._sentinel = self._start(self._a_sentinel(free_port()))
        eventually(lambda: self._sentinel.sentinel_slaves(NAME), "the sentinel knows the replica")

    @property
    def url(self) -> str:
        """For a broker. The option `master_name` goes with it."""
        return f"sentinel://127.0.0.1:{self._sentinel.connection_pool.connection_kwargs['port']}"

    def caught_up(self) -> bool:
        """Whether the replica has all that the master has."""
        master, replica = (one.info("replication") for one in (self.master, self.replica))
        return bool(master["master_repl_offset"] == replica["slave_repl_offset"])

    def kill_master(self) -> None:
        """Its machine burns."""
        self._processes[0].kill()

    def hand_over(self) -> None:
        """Somebody asks for the replica to take over; the master becomes one.

        For some seconds both are masters. What the old one is told then is lost, so it is to refuse to be told.
        """
        for server in (self.master, self.replica):
            server.config_set("min-replicas-to-write", 1)
        self._sentinel.sentinel_failover(NAME)

    def failed_over(self) -> bool:
        """Whether the sentinel sends everybody to the one that was the replica."""
        return bool(self._sentinel.sentinel_get_master_addr_by_name(NAME)[1] == self.ports[1])

    def close(self) -> None:
        for client in (self.master, self.replica, self._sentinel):
            client.close()
        for process in reversed(self._processes):
            process.kill()
            process.wait(10)

    def _start(self, server: Server) -> Any:
        with (self._folder / "log").open("ab") as log:
            self._processes.append(server.start(log))
        server.wait(self._processes[-1])
        return redis.Redis.from_url(server.url, decode_responses=True)

    def _a_sentinel(self, port: int) -> Server:
        file = self._folder / "sentinel.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {self._folder}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.ports[0]} 1\n"
            f"sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 5000\n"
        )

        def answers() -> bool:
            with redis.Redis(port=port, socket_timeout=1) as client, suppress(redis.RedisError):
                return bool(client.ping())
            return False

        command = [redis_server(), str(file), "--sentinel"]
        return Server("sentinel", command, f"redis://127.0.0.1:{port}", answers, signal.SIGTERM)
