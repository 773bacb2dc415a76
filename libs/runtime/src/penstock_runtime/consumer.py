"""Celery's consumer with signs of life: from its loop while it is connected, from its retries while it is not."""

from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Consumer as CeleryConsumer

from penstock_runtime.heartbeat import Heartbeat

PART = "consumer"
"""Name of the consumer among a process's parts."""

LONGEST_PAUSE = 5
"""Seconds between two tries to reach Redis again. kombu would let them grow to 30, and jobs would wait so long too."""


class Consumer(CeleryConsumer):
    """Takes messages, and goes on moving while Redis is away."""

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **options: Any) -> None:
        # A worker's news for other workers goes out from its loop, and waits there for ever on a Redis that hangs.
        quiet = {"without_gossip": True, "without_mingle": True}
        if not options.get("task_events"):
            quiet["without_heartbeat"] = True
        super().__init__(*args, worker_options=(worker_options or {}) | quiet, **options)

    def ensure_connected(self, connection: Any) -> Any:
        """Return once Redis is reached. Each second until then is a sign of life."""
        heartbeat: Heartbeat = self.app.penstock_heartbeat
        ensure = connection.ensure_connection

        def ensure_connection(errback: Any, max_retries: Any, callback: Callable[[], None]) -> Any:
            def each_second() -> None:
                heartbeat.beat(PART, waits_for="Redis")
                callback()

            return ensure(errback, max_retries, callback=each_second, interval_max=LONGEST_PAUSE)

        connection.ensure_connection = ensure_connection
        return super().ensure_connected(connection)


class Beats(bootsteps.StartStopStep):
    """Every few seconds the consumer's own loop is asked to move: a timer alone goes on beside a loop that hangs."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        """At each connection anew: what a loop had still to do ends with its connection."""
        heartbeat: Heartbeat = parent.app.penstock_heartbeat
        parent.call_soon(heartbeat.beat, PART)
        self._timer = parent.timer.call_repeatedly(heartbeat.every, parent.call_soon, (heartbeat.beat, PART))

    def stop(self, parent: Any) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
