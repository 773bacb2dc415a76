"""Celery's consumer over kombu's transport for RabbitMQ."""

from typing import Any

import structlog

from penstock_runtime.consumer import Incoming
from penstock_runtime.transport.consumer import mark_busy_children

log = structlog.get_logger(__name__)


class Consumer(Incoming):
    """Settles at once also where a pool has no loop that could be told to."""

    def call_soon(self, p: Any, *arguments: Any, **options: Any) -> Any:
        """Of a gevent pool Celery keeps what is to be settled until the next message comes, or two seconds have passed:
        a worker that has all it may take would wait so long with idle hands. py-amqp sends for one greenlet at a time.
        """
        if self.hub:
            return super().call_soon(p, *arguments, **options)
        try:
            p(*arguments, **options)
        except Exception:  # the edge of a task's greenlet, which is over
            log.exception("fault")
        return p

    def on_close(self) -> None:
        """The connection is gone. RabbitMQ hands out anew what was not acknowledged; what runs goes on."""
        super().on_close()
        mark_busy_children(self.pool)
