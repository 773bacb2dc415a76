"""The ledger as Celery's result backend: `AsyncResult(id)` and `GET /v1/jobs/{id}` read the same row.

Registered for `postgresql://`, so a Celery client with this package installed reads results by setting its backend.
"""

import json
from typing import Any

from celery.backends.base import BaseBackend
from celery.exceptions import TaskRevokedError
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from penstock_runtime.database import engine_on
from penstock_runtime.errors import PenstockError, Rejected
from penstock_runtime.ledger.exits import PLAIN
from penstock_runtime.schema import NOW, jobs
from penstock_runtime.urls import plain_postgresql, without_password

STATUS = {
    "accepted": "PENDING",
    "queued": "PENDING",
    "running": "STARTED",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "dead": "FAILURE",
    "cancelled": "REVOKED",
}


class LedgerBackend(BaseBackend):
    """Reads what the worker wrote. It writes itself only what did not go through our worker."""

    def __init__(self, app: Any, *, url: str = "", **options: Any) -> None:
        super().__init__(app, url=plain_postgresql(url), **options)
        if self.serializer != "json":
            raise ValueError(f"results are kept as json; result_serializer is {self.serializer}")
        # By its pool of connections. Else Celery makes a backend for each thread, and to it every greenlet is one, so
        # every job of a gevent worker: it would look through all installed packages, and make a pool nobody closes.
        self.thread_safe = True
        engine = engine_on(self.url, most=5, timeout=5)
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def as_uri(self, include_password: bool = False) -> str:
        """The database's URL, for Celery's banner."""
        url: str = self.url
        return url if include_password else without_password(url)

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **_: Any,
    ) -> None:
        if getattr(request, "penstock_settled", False):
            return
        with self._engine.connect() as connection:
            if state == "REVOKED":
                # Expired or revoked before it was started: without this the relay would publish it for ever.
                waiting = jobs.c.state.in_(("accepted", "queued"))
                error = {"code": "cancelled", "message": "revoked or expired before it was started"}
                connection.execute(
                    update(jobs)
                    .where(jobs.c.id == task_id, waiting)
                    .values(state="cancelled", error=error, finished_at=NOW)
                )
            # Through Celery's own JSON, which knows times and decimals too.
            values = _plain_row(request, json.loads(self.encode(result)), state)
            connection.execute(
                insert(jobs)
                .values(id=task_id, **values)
                # A row of the ledger is its worker's alone; its token fences it.
                .on_conflict_do_update(index_elements=[jobs.c.id], set_=values, where=jobs.c.origin == PLAIN)
            )

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        columns = (jobs.c.state, jobs.c.result, jobs.c.error, jobs.c.finished_at, jobs.c.origin)
        query = select(*columns).where(jobs.c.id == task_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return {"status": "PENDING", "result": None, "task_id": task_id}
        status = STATUS[row.state]
        result = self.decode(json.dumps(row.result)) if row.origin == PLAIN else row.result
        if status in self.EXCEPTION_STATES:
            result = _exception(row.state, row.error or {})
        done = row.finished_at.isoformat() if row.finished_at else None
        return {"status": status, "result": result, "traceback": None, "date_done": done, "task_id": task_id}

    def _forget(self, task_id: str) -> None:
        """Nothing: the row is the job's record, and retention deletes it."""

    def apply_chord(self, *_: Any, **__: Any) -> None:
        """Refused: counting a chord's parts is not what a ledger row does."""
        raise NotImplementedError("a chord is not supported: send its parts, and what follows once they have ended")

    def _save_group(self, group_id: str, result: Any) -> None:
        raise NotImplementedError("the ledger does not store groups; keep the ids, or use a redis:// result backend")


def _plain_row(request: Any, result: Any, state: str) -> dict[str, Any]:
    states = {"SUCCESS": "succeeded", "FAILURE": "dead", "REVOKED": "cancelled"}
    ours = states.get(state, "running")
    failed = ours in ("dead", "cancelled")
    error = {"code": result["exc_type"], "message": _text(result["exc_message"])} if failed else None
    return {
        "tenant": "default",
        "task": getattr(request, "task", None) or "unknown",
        "queue": (getattr(request, "delivery_info", None) or {}).get("routing_key") or "unknown",
        "payload": {},
        "origin": PLAIN,
        "state": ours,
        "attempts": 1,
        "result": None if failed else result,
        "error": error,
        "finished_at": NOW if state in states else None,
    }


def _text(message: Any) -> str:
    """What Celery keeps of an exception are its arguments."""
    return ", ".join(str(part) for part in message) if isinstance(message, list) else str(message)


def _exception(state: str, error: dict[str, Any]) -> Exception:
    message, code = str(error.get("message", "")), str(error.get("code", ""))
    if state == "cancelled":
        revoked: Exception = TaskRevokedError(message)
        return revoked
    return Rejected(message, code=code) if state == "failed" else PenstockError(message, code=code)
