"""Celery beat with the ledger's schedule: a tick is a row whose key is (entry, tick), so several beats may run."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from celery.beat import Scheduler
from sqlalchemy import Connection, select

from penstock_runtime.database import LOST, connect
from penstock_runtime.delivery import DEFAULT_TENANT
from penstock_runtime.errors import SettingsError
from penstock_runtime.heartbeat import FAULT
from penstock_runtime.ledger.accept import KeyReused, accept
from penstock_runtime.relay import Relay
from penstock_runtime.revisions import require
from penstock_runtime.schedule import Entry, read_entry
from penstock_runtime.schema import NOW
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.waiting import reason_of

log = structlog.get_logger(__name__)

LONGEST_SLEEP = 5.0
"""Seconds after which beat looks at its schedule again, whatever it expects."""


class LedgerScheduler(Scheduler):
    """What `celery beat` runs: it accepts due entries into the ledger, and has the relay beside it."""

    def setup_schedule(self) -> None:
        """Called by beat once, before its first tick."""
        settings: RuntimeSettings = self.app.penstock
        try:
            configured = [read_entry(name, entry) for name, entry in self.app.conf.beat_schedule.items()]
        except SettingsError as error:
            raise SystemExit(f"penstock: {error.message}") from None
        self.entries = [*self.app.penstock_schedule, *configured]
        self._engine = connect(settings, most=2, statement_timeout=30)
        self._sent: dict[str, str] = {}
        self._remembered = timedelta(days=settings.retention_days)
        self._relay = Relay(settings, moves=partial(self._beat, "relay"))
        self._thread = threading.Thread(target=self._relay.run, name="relay", daemon=True)

    def tick(self, *_: Any, **__: Any) -> float:
        """Accept what is due, and return how many seconds to sleep. An error here would end beat, so none leaves."""
        try:
            self._start_relay()
            with self._engine.begin() as connection:
                sent, sleep = self._accept_due(connection)
        except LOST as error:
            self._beat("schedule", "PostgreSQL")
            log.warning("schedule_waits", reason=reason_of(error))
            return 1.0
        except Exception:  # the edge of the process
            self._beat("schedule", FAULT)
            log.exception("fault")
            return 1.0
        self._beat("schedule")
        # Not before they are committed: else a tick whose commit failed would be skipped.
        self._sent |= sent
        return sleep

    def _start_relay(self) -> None:
        """Once the tables are there. Not waited for in one go: beat heeds signals only between two ticks."""
        if self._thread.ident is None:
            require(self.app.penstock.database_url)
            self._beat("relay")
            self._thread.start()

    def _beat(self, part: str, waits_for: str = "") -> None:
        self.app.penstock_heartbeat.beat(part, waits_for)

    def _accept_due(self, connection: Connection) -> tuple[dict[str, str], float]:
        now = connection.execute(select(NOW)).scalar_one()
        sent: dict[str, str] = {}
        sleep = LONGEST_SLEEP
        for entry in self.entries:
            tick = entry.tick(now)
            # The row of an older tick may be forgotten by now, and with it that its job has run.
            if self._sent.get(entry.name) != tick.name and now - tick.began < self._remembered:
                sent[entry.name] = tick.name
                if accepted := accept_tick(connection, entry, tick.name):
                    log.info("scheduled", entry=entry.name, tick=tick.name, job=accepted)
            sleep = min(sleep, (tick.next_at - now).total_seconds())
        return sent, max(sleep, 0.05)

    def close(self) -> None:
        """Stop the relay after the pass under way."""
        self._relay.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)
        super().close()

    @property
    def info(self) -> str:
        """For beat's banner."""
        return "    . schedule -> the ledger\n"


def accept_tick(connection: Connection, entry: Entry, tick: str) -> str | None:
    """Accept an entry's job for one tick, for the relay to publish. Returns its id, or None where another beat did."""
    now = connection.execute(select(NOW)).scalar_one()
    key = f"schedule:{entry.name}:{tick}"
    # A start time leaves the publishing to the relay, which reads the row after this transaction.
    try:
        accepted = accept(connection, entry.message, tenant=DEFAULT_TENANT, idempotency_key=key, not_before=now)
    except KeyReused:  # a beat of another version, whose entry has another payload
        return None
    return accepted.job_id if accepted.created else None
