"""Leases of a worker process: a token for each delivery, and a thread that renews what is running.

The thread is a native one, also under gevent: a task that computes keeps the greenlets waiting, but not the lease.
"""

from typing import Any
from uuid import UUID, uuid4

import structlog
from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import WorkerLostError
from celery.worker.request import Request, send_revoked
from celery.worker.state import task_ready
from sqlalchemy import Connection, Engine

from penstock_runtime.database import LOST, connect
from penstock_runtime.heartbeat import Heartbeat
from penstock_runtime.incoming import NEVER
from penstock_runtime.ledger import run as ledger
from penstock_runtime.ledger.exits import cancel_unstarted
from penstock_runtime.native import native_sleep, native_thread
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

TOKEN = "penstock_token"
"""Name under which the token travels with the delivery from the worker's parent process to its child."""

WORKER_LOST = {"code": "worker_lost", "message": "the process that ran it died"}
TIME_LIMIT = {"code": "time_limit", "message": "it ran longer than its queue allows"}
CANCELLED = {"code": "cancelled", "message": "cancelled while it ran"}
REVOKED = {"code": "cancelled", "message": "revoked by a Celery client"}
EXPIRED = {"code": "deadline_passed", "message": "its message had expired before it was started"}
SHUT_DOWN = {"code": "shut_down", "message": "its worker was shut down"}


class LeaseKeeper:
    """Renews the leases of the deliveries that are held, and gives back what is still held at the end."""

    def __init__(self, settings: RuntimeSettings, heartbeat: Heartbeat) -> None:
        self._settings = settings
        self._heartbeat = heartbeat
        self._engine: Engine = connect(settings, most=2, statement_timeout=settings.lease)
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # A plain dict: adding, removing and copying it are each one step under the interpreter's lock, and a lock that
        # gevent has patched would make the thread wait for the greenlets it is to outlive.
        self._held: dict[tuple[str, UUID], None] = {}
        self._running = False
        self._stopped = False

    def hold(self, job_id: str, token: UUID) -> None:
        """From now on this lease is renewed. Starts the thread the first time: after the pool has forked."""
        self._held[job_id, token] = None
        if not self._running:
            self._running = True
            native_thread(self._renew_for_ever, "lease-keeper")

    def let_go(self, job_id: str, token: UUID) -> None:
        """The delivery was acknowledged or rejected."""
        self._held.pop((job_id, token), None)

    def give_back(self, job_id: str, token: UUID, error: dict[str, Any], *, counted: bool) -> str | None:
        """Put a job back in line, before its message is acknowledged. Where PostgreSQL is gone its lease runs out."""
        self.let_go(job_id, token)
        try:
            with self._autocommit.connect() as connection:
                return ledger.give_back(connection, job_id, token, error, counted=counted)
        except LOST:
            log.warning("not_given_back", job=job_id, then="its lease runs out")
            return None

    def stop(self) -> None:
        """Give back what is still held: the process ends and these jobs have not."""
        self._stopped = True
        for job_id, token in list(self._held):
            state = self.give_back(job_id, token, SHUT_DOWN, counted=False)
            if state:
                log.info("given_back", job=job_id, state=state)

    def _renew_for_ever(self) -> None:
        sleep = native_sleep()
        while not self._stopped:
            self._heartbeat.beat("lease keeper")
            sleep(self._settings.renew_every)
            held = list(self._held)
            if held and not self._stopped:
                self._renew(held)

    def _renew(self, held: list[tuple[str, UUID]]) -> None:
        try:
            with self._autocommit.connect() as connection:
                cancelling = ledger.renew(connection, held, lease=self._settings.lease)
                for job_id, token in held:
                    if cancelling.get(job_id):
                        self._cancel(connection, job_id, token)
        except LOST as error:
            log.warning("leases_not_renewed", jobs=len(held), reason=type(error).__name__)
        except Exception:  # the edge of the thread: were it to end, every job of this process would run twice
            log.exception("leases_not_renewed", jobs=len(held))

    def _cancel(self, connection: Connection, job_id: str, token: UUID) -> None:
        """A handler that tells its progress stops by itself. Any other is left to its end, which does not count."""
        if ledger.fail(connection, job_id, token, CANCELLED, state="cancelled"):
            self.let_go(job_id, token)
            log.info("cancelled", job=job_id)


class LeasedRequest(Request):
    """Celery's record, in the worker's parent process, of one delivery; with a token of its own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.token = uuid4()
        self._request_dict[TOKEN] = str(self.token)
        # Of a message of Celery's first protocol Celery itself has made them.
        self._argsrepr = self._kwargsrepr = NEVER
        self._request_dict |= {"argsrepr": NEVER, "kwargsrepr": NEVER}

    @property
    def keeper(self) -> LeaseKeeper:
        keeper: LeaseKeeper = self._app.penstock_leases
        return keeper

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """The pool has begun with it."""
        self.keeper.hold(self.id, self.token)
        super().on_accepted(pid, time_accepted)

    def acknowledge(self) -> None:
        """It is over, one way or another."""
        self.keeper.let_go(self.id, self.token)
        super().acknowledge()

    def reject(self, requeue: bool = False) -> None:
        """It goes back to the queue, or nowhere."""
        self.keeper.let_go(self.id, self.token)
        super().reject(requeue=requeue)

    def info(self, safe: bool = False) -> dict[str, Any]:
        """For whoever inspects the worker, which takes no key: without the arguments."""
        return {**super().info(safe=True)}

    def _announce_revoked(self, reason: str, terminated: bool, signum: Any, expired: bool) -> None:
        """Expired, or revoked by a client, also while it runs: its row ends before its message is acknowledged."""
        task_ready(self)
        self.send_event("task-revoked", terminated=terminated, signum=signum, expired=expired)
        self._already_revoked = True
        context, about = self._context, {"job": self.id, "task": self._type, "reason": reason}

        def write(connection: Connection) -> str | None:
            error = EXPIRED if expired else REVOKED
            state = cancel_unstarted(connection, self.id, error, token=self.token)
            if state in (None, "cancelled"):
                self.task.backend.mark_as_revoked(self.id, reason, request=context, store_result=self.store_errors)
            return state

        def written(state: str | None) -> None:
            self.acknowledge()
            log.warning("revoked", **about, then=state or "acknowledged")

        def not_written(error: Exception) -> None:
            self.reject(requeue=True)
            log.warning("handed_back", **about, error=type(error).__name__)

        self._app.penstock_aside.write(write, written, not_written)
        send_revoked(self.task, request=context, terminated=terminated, signum=signum, expired=expired)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """The hard limit stopped it: the row is given back before the message is acknowledged."""
        if not soft:
            self._lost(TIME_LIMIT)
        super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Its child process died: the same. The relay publishes it again; dead jobs go Celery's own way."""
        error = exc_info.exception
        # billiard wraps what it raises in the parent for some start methods.
        error = error.exc if isinstance(error, ExceptionWithTraceback) else error
        if isinstance(error, WorkerLostError) and self._lost(WORKER_LOST) != "dead":
            task_ready(self)
            self.acknowledge()
            return
        super().on_failure(exc_info, send_failed_event, return_ok)

    def _lost(self, error: dict[str, Any]) -> str | None:
        state = self.keeper.give_back(self.id, self.token, error, counted=True)
        log.error(error["code"], job=self.id, task=self.name, state=state)
        return state
