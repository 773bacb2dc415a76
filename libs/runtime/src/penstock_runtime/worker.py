"""What happens around every task, said once: claim, validate, run, and the one write that ends it."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import Engine

from penstock_contracts.task import P, R, Task
from penstock_runtime.database import LOST, connect
from penstock_runtime.delivery import Delivery
from penstock_runtime.errors import Cancelled, PenstockError, Rejected, Retryable, Unavailable
from penstock_runtime.job import Job, LeaseLost
from penstock_runtime.ledger import run as ledger
from penstock_runtime.ledger.view import JobView
from penstock_runtime.runs import Runs
from penstock_runtime.schema import FINISHED
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger("penstock.task")

T = TypeVar("T")


@dataclass(frozen=True)
class Served(Generic[P, R]):
    """A task and the function that does it."""

    task: Task[P, R]
    handler: Callable[[P, Job], R]


def serve(task: Task[P, R], handler: Callable[[P, Job], R]) -> Served[P, R]:
    """Let `handler` do `task`. It gets the validated payload, and returns the result.

    It raises Rejected where the job can never succeed, Retryable where it may later; anything else is a fault of ours.
    """
    return Served(task, handler)


class Skipped(Exception):
    """There is nothing to do for this message: acknowledge it. `cancelled`: the job was."""

    def __init__(self, reason: str, *, cancelled: bool = False) -> None:
        super().__init__(reason)
        self.cancelled = cancelled


class Worker:
    """Runs deliveries; its `name` stands in the rows. Its connections are made when first used, so after a fork."""

    def __init__(self, settings: RuntimeSettings, name: str = "") -> None:
        self.settings = settings
        self._engine = connect(settings)
        self._ledger = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._runs = Runs(self._ledger, lease=settings.lease, worker=name)

    def run(self, served: Served[Any, Any], delivery: Delivery) -> dict[str, Any]:
        """Run one delivery to its end, and return the result as JSON.

        Raises Skipped; the error with which the job ended; Unavailable where PostgreSQL stayed away and the message is
        to be handed out again.
        """
        claimed = self._take(served.task, delivery)
        if isinstance(claimed, JobView):
            return _ended_before(claimed)
        job = Job(claimed, self._engine, self._ledger, lease=self.settings.lease)
        about = {
            "job": job.id,
            "task": served.task.name,
            "queue": served.task.queue.name,
            "attempt": job.attempt,
        }
        with structlog.contextvars.bound_contextvars(**about, request_id=job.request_id):
            began = time.monotonic()
            log.info("started")
            try:
                result = self._work(served, claimed, job, delivery.embed)
            except Exception as error:  # the edge around every task
                job.close()
                outcome = self._end_badly(job, error, round(time.monotonic() - began, 3))
                if outcome is error:
                    raise
                raise outcome from error
            finally:
                job.close()
            log.info("took", seconds=round(time.monotonic() - began, 3))
            return result

    def _take(self, task: Task[Any, Any], delivery: Delivery) -> ledger.Claim | JobView:
        found = self._persist(lambda: self._runs.take(task.name, task.queue.name, delivery))
        if found is None:
            raise Skipped("its row is gone")
        if isinstance(found, JobView) and found.state not in FINISHED:
            log.info("skipped", job=found.id, state=found.state)
            raise Skipped(f"it is {found.state}")
        return found

    def _work(
        self, served: Served[Any, Any], claimed: ledger.Claim, job: Job, embed: dict[str, Any] | None
    ) -> dict[str, Any]:
        if embed and embed.get("chord"):
            raise Rejected(
                "a chord is not supported: send its parts as a group, and what follows them once they have ended",
                code="chord_unsupported",
            )
        try:
            payload = served.task.payload.model_validate(claimed.payload)
        except ValidationError as error:
            raise Rejected(_first_fault(error), code="invalid_payload") from None  # it shows the payload
        result: dict[str, Any] = served.handler(payload, job).model_dump(mode="json")
        if job.has_effects:
            self._finish_with_effects(job, result)
        else:
            self._finish(job, result)
        return result

    def _finish(self, job: Job, result: dict[str, Any]) -> None:
        end = ledger.Finished(job.id, job.token, result, job.reached)
        if not self._persist(lambda: self._runs.finish(end)):
            raise LeaseLost

    def _finish_with_effects(self, job: Job, result: dict[str, Any]) -> None:
        try:
            job.finish_with_effects(result)
        except LOST:
            # The connection may have died with the answer only.
            if not self._persist(job.is_finished):
                raise

    def _end_badly(self, job: Job, error: Exception, took: float) -> Exception:
        """Write how the job goes on, log it, and return what Celery is to know: a Skipped, or the error itself."""
        if isinstance(error, LeaseLost):
            log.warning("lease_lost", seconds=took)
            return Skipped("it was taken over or cancelled", cancelled=self._was_cancelled(job))
        if isinstance(error, Unavailable):
            log.error("not_finished", seconds=took, reason=error.message, then="its lease runs out")
            return error
        if isinstance(error, Cancelled):
            self._fail(job, error.code, error.message, state="cancelled")
            log.info("cancelled", seconds=took)
            return Skipped("it was cancelled", cancelled=True)
        if isinstance(error, LOST):
            return self._retry(job, Retryable("PostgreSQL did not answer", code="database_unavailable"), took)
        if isinstance(error, Retryable):
            return self._retry(job, error, took)
        if isinstance(error, Rejected):
            self._fail(job, error.code, error.message, state="failed")
            log.warning("failed", seconds=took, code=error.code, error=error.message)
        else:
            self._fail(
                job,
                "internal_error",
                f"{type(error).__name__}: a fault in the task, see its log",
                state="dead",
            )
            log.error("fault", seconds=took, exc_info=error)
        return error

    def _was_cancelled(self, job: Job) -> bool:
        def read() -> JobView | None:
            with self._ledger.connect() as connection:
                return ledger.state_of(connection, job.id)

        row = self._persist(read)
        return row is not None and row.state == "cancelled"

    def _retry(self, job: Job, error: Retryable, took: float) -> Exception:
        after = max(error.after, backoff(job.attempt, self.settings))
        about = _about(error.code, error.message)

        def put_back() -> str | None:
            with self._ledger.connect() as connection:
                return ledger.retry(connection, job.id, job.token, about, after=after)

        state = self._persist(put_back)
        if state == "dead":
            log.error("gave_up", seconds=took, code=error.code, error=error.message)
            return error
        log.warning("retries", seconds=took, code=error.code, error=error.message, after=round(after, 1), state=state)
        return Skipped("it runs again later", cancelled=state == "cancelled")

    def _fail(self, job: Job, code: str, message: str, *, state: str) -> None:
        def write() -> None:
            with self._ledger.connect() as connection:
                if not ledger.fail(connection, job.id, job.token, _about(code, message), state=state):
                    raise Skipped("another worker took it over")

        self._persist(write)

    def _persist(self, write: Callable[[], T]) -> T:
        """Repeat a fenced statement until PostgreSQL answers, for `outage_patience` seconds."""
        deadline = time.monotonic() + self.settings.outage_patience
        while True:
            try:
                return write()
            except (*LOST, Unavailable) as error:
                if time.monotonic() > deadline:
                    raise Unavailable("PostgreSQL did not answer") from error
                log.warning("waiting", what="PostgreSQL", reason=type(error).__name__)
                time.sleep(0.5)

    def call_itself(self, name: str) -> None:
        """The name that stands in the rows from now on."""
        self._runs.worker = name

    @property
    def database(self) -> Engine:
        """The engine of this process."""
        return self._engine


def backoff(attempt: int, settings: RuntimeSettings) -> float:
    """Seconds before the next attempt: doubling, bounded, and spread so that failures do not return together."""
    longest = min(settings.retry_most, settings.retry_first * 2.0 ** min(attempt - 1, 30))
    return longest * random.uniform(0.5, 1)


def _ended_before(job: JobView) -> dict[str, Any]:
    """A message that meets a finished job: its first worker may have died before it told Celery.

    So callbacks are sent and results stored once more; their ids are fixed, and repeats are absorbed.
    """
    if job.state == "succeeded":
        return job.result or {}
    if job.state == "cancelled":
        raise Skipped("it was cancelled", cancelled=True)
    error = job.error or {}
    raise PenstockError(str(error.get("message", "")), code=str(error.get("code", "")))


def _about(code: str, message: str) -> dict[str, Any]:
    """The error as it is stored. A message may repeat what it was about, which PostgreSQL need not be able to store."""
    return {"code": code, "message": message.replace("\x00", "?").encode(errors="replace").decode()}


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
