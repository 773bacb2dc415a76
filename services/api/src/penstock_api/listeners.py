"""Who listens to jobs, and the one greenlet that watches for all of them.

A listener waits for an event of its own and costs no statement. While there are any, one greenlet reads the jobs that
are listened to, all in one statement, and wakes those whose job has changed.
"""

from collections import Counter
from collections.abc import Callable, Collection

import gevent
import structlog
from gevent.event import Event

from penstock_api.problems import RETRY_AFTER, Problem
from penstock_api.settings import ApiSettings
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger.watch import Moment

log = structlog.get_logger(__name__)

Read = Callable[[Collection[str]], dict[str, Moment]]
"""Reads the present moments of jobs. Raises Unavailable where PostgreSQL does not answer."""


class Listener:
    """One open stream. It holds the newest moment only: what it is too slow for, it never sees."""

    def __init__(self, moment: Moment, tenant: str) -> None:
        self.tenant = tenant
        self.moment = moment
        self.ended = False
        self._changed = Event()

    def tell(self, moment: Moment) -> None:
        """Let it know of the newest moment."""
        if moment != self.moment:
            self.moment = moment
            self._changed.set()

    def end(self) -> None:
        """Let it know that nothing more will come."""
        self.ended = True
        self._changed.set()

    def wait(self, seconds: float) -> bool:
        """Wait for news, so long at most. Whether there are any."""
        heard = bool(self._changed.wait(seconds))
        self._changed.clear()
        return heard


class Listeners:
    """All listeners of this process, bounded in number, and their watcher, which runs only while there are any."""

    def __init__(self, settings: ApiSettings, read: Read) -> None:
        self._settings = settings
        self._read = read
        self._all: set[Listener] = set()
        self._by_tenant: Counter[str] = Counter()
        self._closing = False
        self._watcher: gevent.Greenlet | None = None

    def add(self, moment: Moment, tenant: str) -> Listener:
        """One more listener, until it is removed. Raises Problem (too_many_requests, unavailable) at the bounds."""
        retry = {"Retry-After": str(RETRY_AFTER)}
        if self._by_tenant[tenant] >= self._settings.api_listeners_of_tenant:
            raise Problem("too_many_requests", "this tenant listens to as many jobs as it may at once", headers=retry)
        if self._closing or len(self._all) >= self._settings.api_listeners:
            raise Problem("unavailable", "no more listeners are taken just now; ask for the job itself", headers=retry)
        listener = Listener(moment, tenant)
        self._all.add(listener)
        self._by_tenant[tenant] += 1
        if self._watcher is None:
            self._watcher = gevent.spawn(self._watch)
        return listener

    def remove(self, listener: Listener) -> None:
        """Forget a listener. May be repeated."""
        if listener in self._all:
            self._all.discard(listener)
            self._by_tenant -= Counter({listener.tenant: 1})

    def close(self) -> None:
        """Take no more, and end all streams soon. Never waits: a signal's handler may call it."""
        self._closing = True

    def _watch(self) -> None:
        away = False
        while self._all:
            gevent.sleep(self._settings.api_watch_every)
            try:
                self._look()
                away = False
            except Unavailable as error:
                if not away:
                    log.warning("listeners_wait", reason=error.message, listeners=len(self._all))
                away = True
            except Exception:  # the edge of the greenlet: without it all streams would fall silent
                log.exception("bug")
        # Nothing switches between the last look and here, so that a new listener never meets a watcher that leaves.
        self._watcher = None

    def _look(self) -> None:
        if self._closing:
            for listener in self._all:
                listener.end()
            return
        asked = list(self._all)
        if not asked:
            return
        moments = self._read({listener.moment.id for listener in asked})
        for listener in asked:
            moment = moments.get(listener.moment.id)
            if moment is None:  # deleted: its time in the ledger was over
                listener.end()
            else:
                listener.tell(moment)
