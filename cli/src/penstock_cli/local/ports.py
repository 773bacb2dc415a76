"""Which ports are free, and who holds one that is not."""

import errno
import socket
from dataclasses import dataclass

import psutil

from penstock_runtime.errors import PenstockError

HOST = "127.0.0.1"
MOST_TRIES = 100
"""How many ports after the usual one are tried."""


class PortError(PenstockError):
    """A port that was asked for cannot be had."""

    code = "port"


@dataclass(frozen=True)
class Wanted:
    """A port for `what`: the usual number, the option that changes it, and what that option says.

    strict: people and scripts know the usual number, so that it being in use is an error.
    """

    what: str
    option: str
    usual: int
    given: int | None = None
    strict: bool = False


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def choose(wanted: list[Wanted]) -> list[int]:
    """A free port for each, all different. Given or strict ones must be free; else the next free one serves.

    Raises PortError that names the port, who holds it if that can be told, and the option that changes it.
    """
    chosen: list[int] = []
    for want in wanted:
        fixed = want.given is not None or want.strict
        first = want.usual if want.given is None else want.given
        tried = range(first, first + (1 if fixed else MOST_TRIES))
        port = next((number for number in tried if number not in chosen and is_free(number)), None)
        if port is None:
            raise PortError(_in_use(want, first, twice=first in chosen))
        chosen.append(port)
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on it now. A port that may not be bound (below 1024) is not free."""
    with socket.socket() as probe:
        # As servers do: the remains of closed connections do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def holder(port: int) -> str | None:
    """The process that listens on the port, as "name (pid 123)"; None where that cannot be told."""
    try:
        for socket_ in psutil.net_connections("tcp"):
            if socket_.status == psutil.CONN_LISTEN and socket_.laddr.port == port and socket_.pid:
                return f"{psutil.Process(socket_.pid).name()} (pid {socket_.pid})"
    except psutil.Error:  # another user's process, or macOS without root
        pass
    return None


def _in_use(want: Wanted, port: int, *, twice: bool) -> str:
    by = holder(port)
    why = f"is in use by {by}" if by else "is in use or not allowed"
    if twice:
        why = "is wanted twice"
    return f"port {port} for {want.what} {why}; free it, or choose another with {want.option}"
