"""What runs by the clock: entries, and the names of their ticks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import crontab, schedule
from cronsim import CronSim

from penstock_contracts import tasks
from penstock_contracts.task import Message
from penstock_runtime.errors import SettingsError


@dataclass(frozen=True)
class Entry:
    """One periodic message. `period` is a number of seconds, or a cron expression whose times are UTC's."""

    name: str
    message: Message
    period: float | str

    def tick(self, now: datetime) -> tuple[str, datetime]:
        """The name of the tick that `now` lies in, and when the next one begins.

        It depends on the clock alone, never on when a beat started or last ran: so all beats name it alike.
        """
        if isinstance(self.period, str):
            nominal = next(CronSim(self.period, now + timedelta(microseconds=1), reverse=True))
            return nominal.isoformat(), next(CronSim(self.period, now))
        number = int(now.timestamp() // self.period)
        return str(number), datetime.fromtimestamp((number + 1) * self.period, UTC)


def read_entry(name: str, entry: dict[str, Any]) -> Entry:
    """An entry of Celery's `beat_schedule`. Raises SettingsError where the ledger could not keep its promise for it."""
    task = tasks.BY_NAME.get(entry.get("task", ""))
    if task is None:
        raise SettingsError(f"beat_schedule: {name} names the task {entry.get('task')!r}, which is not declared")
    try:
        payload = task.payload.model_validate(entry.get("kwargs") or {})
        return Entry(name, task.message(payload), _period(entry["schedule"]))
    except (ValueError, KeyError) as error:
        raise SettingsError(f"beat_schedule: {name} has wrong kwargs or schedule ({type(error).__name__})") from error


def _period(when: Any) -> float | str:
    if isinstance(when, crontab):
        fields: Iterable[Any] = (
            when._orig_minute,
            when._orig_hour,
            when._orig_day_of_month,
            when._orig_month_of_year,
            when._orig_day_of_week,
        )
        expression = " ".join(str(field) for field in fields)
        CronSim(expression, datetime.now(UTC))
        return expression
    seconds = when.run_every.total_seconds() if isinstance(when, schedule) else _seconds(when)
    if seconds < 1:
        raise ValueError("an entry may be due at most once a second")
    return seconds


def _seconds(when: Any) -> float:
    return when.total_seconds() if isinstance(when, timedelta) else float(when)
