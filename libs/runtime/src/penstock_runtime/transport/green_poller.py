"""A poller for gevent. kombu's asks `select`, and makes a watcher of each socket, at each wait."""

from gevent import sleep
from gevent.monkey import get_original
from gevent.socket import wait_read
from kombu.utils.eventio import _epoll


class GreenPoller(_epoll):
    """kombu's for epoll, which waits in gevent's loop: an epoll can be read itself when one of its sockets can."""

    def __init__(self) -> None:
        self._epoll = get_original("select", "epoll")()

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """What happened, by file number, within so many seconds. Others have their turn meanwhile, also where something
        did before."""
        found: list[tuple[int, int]] = self._epoll.poll(0)
        if found or timeout == 0:
            self.give_way()
        else:
            wait_read(self._epoll.fileno(), timeout, timeout_exc=False)
            found = self._epoll.poll(0)
        return found

    def give_way(self) -> None:
        """Let begin what was just delivered, sooner than at the next wait."""
        sleep(0)
