"""What runs by the clock: entries, and the names of their ticks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from celery.schedules import crontab, schedule
from cronsim import CronSim, CronSimError

from penstock_contracts import tasks
from penstock_contracts.task import Message
from penstock_runtime.errors import SettingsError


class Tick(NamedTuple):
    """One turn of an entry: `began` is its nominal time, by which it is also named."""

    name: str
    began: datetime
    next_at: datetime


@dataclass(frozen=True)
class Entry:
    """One periodic message. `period` is a number of seconds, or a cron expression whose times are UTC's.

    Raises ValueError where the period is neither.
    """

    name: str
    message: Message
    period: float | str

    def __post_init__(self) -> None:
        if not isinstance(self.period, str) and not self.period >= 1:
            raise ValueError(f"entry {self.name}: may be due at most once a second")
        try:
            self.tick(datetime.now(UTC))
        except (CronSimError, StopIteration, OverflowError, ValueError) as error:
            raise ValueError(f"entry {self.name}: {self.period!r} is no period") from error

    def tick(self, now: datetime) -> Tick:
        """The tick that `now` lies in.

        It depends on the clock alone, never on when a beat started or last ran: so all beats name it alike.
        """
        now = now.astimezone(UTC)  # a database gives its times in a zone of its own choice
        if isinstance(self.period, str):
            nominal = next(CronSim(self.period, now + timedelta(microseconds=1), reverse=True))
            return Tick(nominal.isoformat(), nominal, next(CronSim(self.period, now)))
        number = int(now.timestamp() // self.period)
        began, next_at = (datetime.fromtimestamp(n * self.period, UTC) for n in (number, number + 1))
        return Tick(str(number), began, next_at)


def read_entry(name: str, entry: dict[str, Any]) -> Entry:
    """An entry of Celery's `beat_schedule`. Raises SettingsError where the ledger could not keep its promise for it."""
    task = tasks.BY_NAME.get(entry.get("task", ""))
    if task is None:
        raise SettingsError(f"beat_schedule: {name} names the task {entry.get('task')!r}, which is not declared")
    if entry.get("args"):
        raise SettingsError(f"beat_schedule: {name} has positional arguments; name them, in kwargs")
    try:
        payload = task.payload.model_validate(entry.get("kwargs") or {})
        return Entry(name, task.message(payload), _period(name, entry["schedule"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"beat_schedule: {name} has wrong kwargs or schedule ({type(error).__name__})") from error


def _period(name: str, when: Any) -> float | str:
    if isinstance(when, crontab):
        day_of_month, day_of_week = str(when._orig_day_of_month), str(when._orig_day_of_week)
        if not day_of_month.startswith("*") and not day_of_week.startswith("*"):
            # Celery waits until both match, cron until one of them does.
            raise SettingsError(f"beat_schedule: {name} names days of the month and of the week; name one of them")
        return f"{when._orig_minute} {when._orig_hour} {day_of_month} {when._orig_month_of_year} {day_of_week}"
    return float(when.run_every.total_seconds() if isinstance(when, schedule) else _seconds(when))


def _seconds(when: Any) -> float:
    return when.total_seconds() if isinstance(when, timedelta) else float(when)
