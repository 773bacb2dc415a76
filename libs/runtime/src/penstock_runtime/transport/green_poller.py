"""A poller for gevent. kombu's asks `select`, and makes a watcher of each socket, at each wait."""

from gevent import get_hub, sleep
from gevent.hub import Waiter
from gevent.monkey import get_original
from kombu.utils.eventio import _epoll

READ = 1
"""As libev calls it."""


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
            self._wait(timeout)
            found = self._epoll.poll(0)
        return found

    def _wait(self, timeout: float) -> None:
        # gevent's own `wait_read` ends with an exception where nothing happened, and takes half as long again.
        hub = get_hub()
        waiter = Waiter(hub)
        watchers = hub.loop.io(self._epoll.fileno(), READ), hub.loop.timer(timeout)
        try:
            for watcher in watchers:
                watcher.start(waiter.switch, None)
            waiter.get()
        finally:
            for watcher in watchers:
                watcher.close()

    def give_way(self) -> None:
        """Let begin what was just delivered, sooner than at the next wait."""
        sleep(0)
