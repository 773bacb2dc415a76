"""Celery's side of a task: the message comes in, the worker's answer goes out."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid4

import structlog
from celery import bootsteps, signals
from celery.exceptions import Ignore, Reject
from celery.worker.state import maybe_shutdown

from penstock_runtime import broker_server, revisions, waiting
from penstock_runtime.aside import Aside
from penstock_runtime.consumer import PART, Beats
from penstock_runtime.delivery import Delivery, payload_of
from penstock_runtime.errors import PenstockError, SettingsError, Unavailable
from penstock_runtime.headers import HEADER
from penstock_runtime.heartbeat import Heartbeat
from penstock_runtime.incoming import EMBEDDED, priority_of
from penstock_runtime.lease import TOKEN, LeaseKeeper
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.worker import Served, Skipped, Worker

log = structlog.get_logger(__name__)


def add_tasks(app: Any, served: Iterable[Served[Any, Any]], settings: RuntimeSettings) -> None:
    """Give `app` a Celery task for each served one, and the process its leases."""
    served = tuple(served)
    app.penstock_served = {item.task.name: item.task for item in served}
    app.penstock_leases = LeaseKeeper(settings, app.penstock_heartbeat)
    app.penstock_aside = Aside(settings)
    worker = Worker(settings)

    def know_the_name(sender: str, **_: Any) -> None:
        worker.call_itself(sender)

    signals.celeryd_init.connect(know_the_name, weak=False)  # sent before the pool forks
    for item in served:
        _add(app, item, worker)
    app.steps["worker"].add(Ready)
    app.steps["consumer"].add(Beats)
    signals.worker_shutdown.connect(lambda **_: app.penstock_leases.stop(), weak=False)


def _add(app: Any, item: Served[Any, Any], worker: Worker) -> None:
    def run(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        request = self.request
        # What this process has written to the ledger is not to be written again by the result backend.
        request.penstock_settled = True
        try:
            return worker.run(item, delivery(request, args, kwargs))
        except Skipped as skipped:
            if skipped.cancelled:
                self.backend.mark_as_revoked(request.id, "cancelled", request=request, store_result=True)
            raise Ignore(str(skipped)) from None
        except Unavailable as error:
            raise Reject(str(error), requeue=True) from None

    app.task(
        run,
        bind=True,
        name=item.task.name,
        shared=False,
        typing=False,
        time_limit=item.task.queue.time_limit,
        throws=(PenstockError,),
        Request="penstock_runtime.lease:LeasedRequest",
    )


def delivery(request: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Delivery:
    """What a worker needs of Celery's request."""
    embed = {key: getattr(request, key, None) for key in EMBEDDED}
    after = any(embed[key] for key in ("callbacks", "errbacks", "chain", "chord"))
    return Delivery(
        job_id=request.id,
        token=UUID(getattr(request, TOKEN, None) or str(uuid4())),
        payload=payload_of(args, kwargs),
        known=getattr(request, HEADER, None) is not None,
        priority=priority_of((request.delivery_info or {}).get("priority")),
        embed=embed if after else None,
    )


class Ready(bootsteps.StartStopStep):
    """Before a worker takes its first message: wait for PostgreSQL and its tables, refuse a broker that loses jobs."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Return when both are fit. Ends the process with status 1 where waiting would not help."""
        settings: RuntimeSettings = parent.app.penstock
        try:
            wait_until_ready(settings, parent.app.penstock_heartbeat)
        except SettingsError as error:
            log.error("stopped", reason=error.message)
            raise SystemExit(1) from None


def wait_until_ready(settings: RuntimeSettings, heartbeat: Heartbeat) -> None:
    """Wait for PostgreSQL with its tables, and for the broker. Raises SettingsError where that is unfit."""

    def wait(answers: Callable[[], object], server: waiting.Server) -> None:
        heartbeat.beat(PART, waits_for=server.kind)

        def meanwhile() -> None:
            heartbeat.beat(PART, waits_for=server.kind)
            maybe_shutdown()  # a SIGTERM has only set a flag

        waiting.wait_until(answers, server, meanwhile=meanwhile)

    wait(lambda: revisions.require(settings.database_url), waiting.postgresql(settings))
    wait(lambda: broker_server.check(settings), waiting.broker(settings))
