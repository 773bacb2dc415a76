"""The way to the broker: a proxy before each server, whose connections can be troubled process by process."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psutil
from chaos.plan import Act
from proxy import Proxy

DELAYS = 0.3
"""Seconds that each piece takes longer each way."""


@dataclass(frozen=True)
class Ways:
    """The proxies."""

    proxies: Sequence[Proxy]

    def trouble(self, act: Act, seconds: float, of: "Sequence[psutil.Process] | None") -> None:
        """Do it to the connections that these processes have now; None: to all there are, and to new ones."""
        ports = None if of is None else _ports(of)
        for proxy in self.proxies:
            if act is Act.HOLE:
                proxy.black_hole(seconds, ports)
            elif act is Act.DELAY:
                proxy.delay(DELAYS, seconds, ports)
            else:
                proxy.drop(ports)

    def heal(self) -> None:
        """From now on all is passed on again."""
        for proxy in self.proxies:
            proxy.heal()


@contextmanager
def ways(ports: Sequence[tuple[int, int]]) -> Iterator[Ways]:
    """A proxy before each of the servers: its own port, and the one by which it is known."""
    with ExitStack() as stack:
        yield Ways([stack.enter_context(Proxy(*pair)) for pair in ports])


def _ports(processes: "Sequence[psutil.Process]") -> set[int]:
    """The ports that they speak from."""
    found = set()
    for process in processes:
        with suppress(psutil.Error):
            found |= {one.laddr.port for one in process.net_connections("tcp") if one.raddr}
    return found
