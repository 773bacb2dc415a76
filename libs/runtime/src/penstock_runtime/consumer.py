"""Celery's consumer with signs of life: from its loop while it is connected, from its retries while it is not.

And with ways of its own for messages that do not come to a task.
"""

from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.exceptions import InvalidTaskError
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.exceptions import ContentDisallowed, DecodeError

from penstock_runtime import waiting
from penstock_runtime.adoption import adopt, due_later, forget_past_eta
from penstock_runtime.exits import INVALID, UNDECODABLE, UNKNOWN, Exits
from penstock_runtime.headers import HEADER
from penstock_runtime.heartbeat import Heartbeat
from penstock_runtime.incoming import fields_of, hide_arguments, read_call
from penstock_runtime.transport.consumer import Consumer as TransportConsumer

PART = "consumer"
"""Name of the consumer among a process's parts."""

LONGEST_PAUSE = 5
"""Seconds between two tries to reach the broker again. kombu would let them grow to 30, and jobs would wait as long."""


class Incoming(CeleryConsumer):
    """Takes messages, and goes on moving while the broker is away."""

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **options: Any) -> None:
        # A worker's news for other workers goes out from its loop, and waits there for ever on a broker that hangs.
        quiet = {"without_gossip": True, "without_mingle": True}
        if not options.get("task_events"):
            quiet["without_heartbeat"] = True
        super().__init__(*args, worker_options=(worker_options or {}) | quiet, **options)
        self.exits = Exits(self)

    def create_task_handler(self, **options: Any) -> Callable[[Any], None]:
        """What is called with each message. None makes it raise: Celery's own would end the loop at some of them."""
        hand_on = super().create_task_handler(**options)

        def on_message(message: Any) -> None:
            try:
                hide_arguments(message)
                task = fields_of(message)["task"]
                known = task in self.strategies
            except (DecodeError, ContentDisallowed) as error:
                return self.on_decode_error(message, error)
            except (TypeError, LookupError):
                return self.on_unknown_message(None, message)
            if not known:
                return self.on_unknown_task(None, message, None)
            return self._on_task(task, message, hand_on)

        return on_message

    def _on_task(self, task: str, message: Any, hand_on: Callable[[Any], None]) -> None:
        try:
            call = read_call(message)
        except (InvalidTaskError, ContentDisallowed) as error:
            return self.on_invalid_task(None, message, error)
        except DecodeError as error:
            return self.on_decode_error(message, error)
        served = self.app.penstock_served.get(task)
        if served and HEADER not in message.headers and (later := due_later(call)):
            return adopt(message, call, later, served, self.exits)
        forget_past_eta(message, call)
        return hand_on(message)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Its bytes are not what it says they are."""
        self.exits.unusable(message, UNDECODABLE, exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """It is no call of a task."""
        self.exits.unusable(message, UNKNOWN, None)

    def on_unknown_task(self, body: Any, message: Any, exc: Any) -> None:
        """It is a call of a task that this worker does not have."""
        self.exits.unknown_task(message)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """It is a call that Celery could not run."""
        self.exits.unusable(message, INVALID, exc)

    def ensure_connected(self, connection: Any) -> Any:
        """Return once the broker is reached. Each second until then is a sign of life."""
        heartbeat: Heartbeat = self.app.penstock_heartbeat
        ensure = connection.ensure_connection
        kind = waiting.broker(self.app.penstock).kind

        def ensure_connection(errback: Any, max_retries: Any, callback: Callable[[], None]) -> Any:
            def each_second() -> None:
                heartbeat.beat(PART, waits_for=kind)
                callback()

            return ensure(errback, max_retries, callback=each_second, interval_max=LONGEST_PAUSE)

        connection.ensure_connection = ensure_connection
        return super().ensure_connected(connection)


class Consumer(Incoming, TransportConsumer):
    """Over our transport for Redis."""


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
