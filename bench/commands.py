"""Which commands a Redis was given: counted by itself, or one by one by MONITOR, which knows scripts from clients."""

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import redis

LINE = re.compile(rb'^\+(?P<at>[0-9.]+) \[\d+ (?P<who>[^\]]+)\] "(?P<command>[^"]*)"')
SCRIPT = "lua"
"""In a client's place in MONITOR's lines where a script called the command."""

PATIENCE = 30.0
"""Seconds for MONITOR's lines to come in at the end."""


def executed(client: "redis.Redis") -> Counter[str]:
    """Calls of each command so far, those inside scripts too. Source: INFO commandstats."""
    return Counter({name.removeprefix("cmdstat_"): told["calls"] for name, told in client.info("commandstats").items()})


def redis_time(client: "redis.Redis") -> float:
    """Seconds since 1970, by Redis's clock."""
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1e6)


@dataclass(frozen=True)
class Seen:
    """A command: when by Redis's clock, from which client (its address, or SCRIPT), and its name in small letters."""

    at: float
    who: str
    name: str


@dataclass
class Watched:
    """All commands that Redis was given while it was watched."""

    commands: list[Seen] = field(default_factory=list)

    def sent(self) -> Counter[str]:
        """By name, those that clients sent."""
        return Counter(one.name for one in self.commands if one.who != SCRIPT)

    def executed(self) -> Counter[str]:
        """By name, with those inside scripts."""
        return Counter(one.name for one in self.commands)


@contextmanager
def watching(url: str, own: "redis.Redis") -> Iterator[Watched]:
    """Watch with MONITOR until the block ends; what `own` sends is left out. It must have one connection only."""
    watched, place = Watched(), urlsplit(url)
    mine, end = own.client_info()["addr"], f"bench-end-{time.monotonic_ns()}"
    with socket.create_connection((place.hostname, place.port or 6379), timeout=PATIENCE) as connection:
        connection.sendall(b"MONITOR\r\n")
        lines = connection.makefile("rb")
        lines.readline()
        thread = threading.Thread(target=_read, args=(lines, watched, mine, end.encode()), daemon=True)
        thread.start()
        try:
            yield watched
        finally:
            own.echo(end)
            thread.join(PATIENCE)


def _read(lines: Iterator[bytes], watched: Watched, mine: str, end: bytes) -> None:
    for line in lines:
        found = LINE.match(line)
        if found is None:
            continue
        who = found["who"].decode()
        if who != mine:
            watched.commands.append(Seen(float(found["at"]), who, found["command"].decode().lower()))
        elif end in line:
            return
