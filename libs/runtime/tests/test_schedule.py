"""Entries: a tick has one name, which the clock alone gives it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab, schedule

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.errors import SettingsError
from penstock_runtime.schedule import Entry, read_entry

MESSAGE = PRUNE.message(Prune())
MORNING = datetime(2026, 3, 1, 3, 16, 59, 999999, UTC)
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def names(period, *moments):
    return {Entry("e", MESSAGE, period).tick(moment).name for moment in moments}


def test_an_intervals_tick_keeps_its_name_until_the_next_one_begins():
    begins = datetime.fromtimestamp(600 * 2_900_000, UTC)
    assert names(600.0, begins, begins + timedelta(seconds=599.999)) == {"2900000"}
    tick = Entry("e", MESSAGE, 600.0).tick(begins + timedelta(seconds=1))
    assert (tick.began, tick.next_at) == (begins, begins + timedelta(minutes=10))
    assert names(600.0, tick.next_at) == {"2900001"}


def test_a_cron_tick_is_named_by_its_nominal_time_until_the_next_one():
    at = datetime(2026, 3, 1, 3, 17, tzinfo=UTC)
    day = "17 3 * * *"
    assert names(day, at, at + timedelta(microseconds=1), at + timedelta(hours=23, minutes=59)) == {at.isoformat()}
    assert names(day, at - timedelta(microseconds=1)) == {(at - timedelta(days=1)).isoformat()}
    tick = Entry("e", MESSAGE, day).tick(at)
    assert (tick.began, tick.next_at) == (at, at + timedelta(days=1))


@pytest.mark.parametrize("period", [3600.0, "0 9 * * *"])
def test_beats_whose_sessions_are_in_other_time_zones_name_a_tick_alike(period):
    zones = (UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"))
    assert len(names(period, *(NINE.astimezone(zone) for zone in zones))) == 1


def test_cron_expressions_are_in_utc():
    [tick] = names("0 9 * * *", NINE.astimezone(ZoneInfo("Asia/Shanghai")))
    assert tick == NINE.isoformat()


@pytest.mark.parametrize(
    ("when", "period"),
    [
        (crontab(), "* * * * *"),
        (crontab(minute=17, hour="3"), "17 3 * * *"),
        (crontab(minute="*/15", hour="8-17", day_of_week="mon-fri"), "*/15 8-17 * * mon-fri"),
        (crontab(minute=0, hour=0, day_of_month="1,15"), "0 0 1,15 * *"),
        (schedule(run_every=30), 30.0),
        (timedelta(minutes=5), 300.0),
        (1.5, 1.5),
        (60, 60.0),
    ],
)
def test_what_celerys_beat_schedule_may_hold_is_read(when, period):
    entry = read_entry("e", {"task": "ops_trace.prune", "schedule": when, "kwargs": {"days": 9}})
    assert (entry.name, entry.period, entry.message.payload) == ("e", period, {"days": 9})


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": "ops_trace.unknown"},
        {"task": None},
        {"kwargs": {"days": 0}},
        {"kwargs": {"unknown": 1}},
        {"kwargs": [30]},
        {"args": [30]},
        {"schedule": 0.5},
        {"schedule": float("nan")},
        {"schedule": float("inf")},
        {"schedule": "every day"},
        {"schedule": None},
        {"schedule": crontab(hour={3, 4})},
        # Celery wants both days to match, cron either of them: what was meant cannot be known.
        {"schedule": crontab(minute=0, hour=0, day_of_month="1-7", day_of_week="mon")},
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_kept_is_refused_by_its_name(wrong):
    right = {"task": "ops_trace.prune", "schedule": 60}
    with pytest.raises(SettingsError, match=r"^beat_schedule: nightly [^\n]+$"):
        read_entry("nightly", right | wrong)


def test_an_entry_without_a_schedule_is_refused():
    with pytest.raises(SettingsError, match="nightly"):
        read_entry("nightly", {"task": "ops_trace.prune"})


@pytest.mark.parametrize("period", ["61 * * * *", "", 0.0, -1.0])
def test_an_entry_of_ones_own_fails_where_it_is_declared(period):
    with pytest.raises(ValueError, match="nightly"):
        Entry("nightly", MESSAGE, period)
