"""Messages that end before a task is started: what becomes of their rows, and of them.

Celery would throw each away with its body in the log; the row of a job would wait, and the relay publish it for ever.
Here a log line says what happened, and nothing of what the message carries.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from celery import signals
from celery.app.task import Context
from celery.exceptions import NotRegistered
from sqlalchemy import Connection

from penstock_runtime.aside import Aside
from penstock_runtime.errors import Unavailable
from penstock_runtime.incoming import LONGEST_NAME, Identity, identify
from penstock_runtime.ledger import exits as ledger

log = structlog.get_logger(__name__)
transport_log = logging.getLogger(__name__)

UNKNOWN_TASK = {"code": "unknown_task", "message": "a worker took it that does not know its task; it is tried again"}
INVALID = "invalid_message"
UNDECODABLE = "undecodable"
UNKNOWN = "unknown_message"
ROW_MISSING = "row_missing"
FAULT = "fault"

REASONS = {
    UNKNOWN_TASK["code"]: "no worker that took it knows its task",
    INVALID: "its message is not one that a worker can run",
    UNDECODABLE: "its message cannot be read",
    UNKNOWN: "its message is not one of Celery's",
    ROW_MISSING: "a message came whose job is not in the ledger; send it again if wanted",
    FAULT: "what became of it could not be written down",
}
"""What is said of each code, in the row or in the dead letter."""


class Exits:
    """The ways out of a worker's consumer. Rows are written beside its loop, messages are settled in it."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._aside: Aside = consumer.app.penstock_aside
        settings = consumer.app.penstock
        self._put_off = partial(ledger.put_off, first=settings.retry_first, most=settings.retry_most)

    def unknown_task(self, message: Any) -> None:
        """Normal while an upgrade rolls out: a job waits for a worker that knows it, longer each time."""
        seen, code = identify(message), UNKNOWN_TASK["code"]

        def write(connection: Connection) -> str | None:
            state = self._put_off(connection, str(seen.job_id), UNKNOWN_TASK)
            if state is None and not seen.known:
                self._tell_client(message, seen)
            return state

        self._leave(message, seen, code, write)
        signals.task_unknown.send(sender=self._consumer, message=message, exc=None, name=seen.task, id=seen.job_id)

    def _tell_client(self, message: Any, seen: Identity) -> None:
        """Who sent it without the ledger waits for its result."""
        task, queue = seen.task[:LONGEST_NAME], seen.queue[:LONGEST_NAME]
        request = Context(id=seen.job_id, task=task, delivery_info={"routing_key": queue})
        self._consumer.app.backend.mark_as_failure(seen.job_id, NotRegistered(task), request=request)

    def unusable(self, message: Any, code: str, error: Exception | None, *, detail: str = "") -> None:
        """It can never be run: neither can the next message of its job."""
        seen = identify(message)
        about = {"code": code, "message": f"{REASONS[code]}: {detail}" if detail else REASONS[code]}
        self._leave(
            message,
            seen,
            code,
            lambda connection: ledger.fail_unstarted(connection, str(seen.job_id), about),
            error=type(error).__name__,
            **({"detail": detail} if detail else {}),
        )
        signals.task_rejected.send(sender=self._consumer, message=message, exc=None)

    def _leave(
        self, message: Any, seen: Identity, event: str, write: Callable[[Connection], str | None], **more: Any
    ) -> None:
        about = seen.about() | more

        def moved(state: str | None) -> None:
            if state is None:
                self.bury(message, ROW_MISSING if seen.known else event, event, about)
            else:
                self.acknowledge(message)
                log.warning(event, **about, then=state)

        if seen.job_id is None:
            moved(None)
        else:
            self.write(message, about, write, moved)

    def write(
        self, message: Any, about: dict[str, Any], write: Callable[[Connection], Any], then: Callable[[Any], None]
    ) -> None:
        """Write beside the loop, then call `then` in it. A message that could not be written about goes back."""

        def refused(error: Exception) -> None:
            if isinstance(error, Unavailable):
                message.reject_log_error(transport_log, self._consumer.connection_errors, requeue=True)
                log.warning("handed_back", **about, reason="PostgreSQL did not answer")
            else:
                self.bury(message, FAULT, FAULT, about | {"error": type(error).__name__})

        self._aside.write(write, partial(self._in_loop, then), partial(self._in_loop, refused))

    def _in_loop(self, settle: Callable[[Any], None], answer: Any) -> None:
        self._consumer.call_soon(settle, answer)

    def acknowledge(self, message: Any) -> None:
        """It is over."""
        message.ack_log_error(transport_log, self._consumer.connection_errors)

    def bury(self, message: Any, code: str, event: str, about: dict[str, Any]) -> None:
        """No row says what became of it: to the dead letters, where the transport has them."""
        channel, errors = message.channel, self._consumer.connection_errors
        if hasattr(channel, "dead_letter"):
            then = "dead letter"
            try:
                channel.dead_letter(message.delivery_tag, code, REASONS[code])
            except errors as error:
                then = f"it comes again ({type(error).__name__})"
        else:
            then = "thrown away"
            message.reject_log_error(transport_log, errors)
        log.error(event, **about, then=then)
