"""Beat: each tick becomes one job, however many beats run, and nothing ends a beat."""

from datetime import timedelta

import pytest
import structlog
from sqlalchemy import select

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.broker import make_app
from penstock_runtime.schedule import Entry
from penstock_runtime.scheduler import LedgerScheduler
from penstock_runtime.schema import NOW

MESSAGE = PRUNE.message(Prune())
DAILY = Entry("daily", MESSAGE, 86400.0)


@pytest.fixture
def beat(quick):
    """Make schedulers: `beat(DAILY, **settings)`; `configured` is Celery's beat_schedule."""
    made = []

    def make(*entries, configured=None, **named):
        app = make_app(settings=quick(**named), schedule=entries)
        app.conf.beat_schedule = configured or {}
        made.append(LedgerScheduler(app=app))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_beats_with_the_same_entries_accept_one_job_for_a_tick(ledger, beat, at_once):
    beats = [beat(DAILY, Entry("cron", MESSAGE, "17 3 * * *")) for _ in range(4)]
    for _ in range(3):
        at_once(4, lambda number: beats[number].tick())
    assert ledger.count() == 2


def test_a_job_of_the_schedule_belongs_to_the_default_tenant_and_is_published(ledger, beat, listed, eventually):
    beat(DAILY).tick()
    [job_id] = eventually(listed)
    row = ledger.row(job_id)
    assert (row.tenant, row.task, row.payload) == ("default", "ops_trace.prune", {"days": 365})


def test_entries_of_the_app_and_of_celerys_configuration_both_run(ledger, beat):
    configured = {"hourly": {"task": "ops_trace.prune", "schedule": timedelta(hours=1), "kwargs": {"days": 5}}}
    beat(DAILY, configured=configured).tick()
    assert ledger.count() == 2


def test_a_wrong_entry_ends_the_start_with_one_line(beat):
    with pytest.raises(SystemExit, match=r"^penstock: beat_schedule: nightly names the task 'unknown', [^\n]+$"):
        beat(configured={"nightly": {"task": "unknown", "schedule": 5}})


def test_a_beat_sleeps_until_the_next_tick_but_not_for_long(beat):
    assert beat(DAILY).tick() == 5
    assert 0.05 <= beat(Entry("often", MESSAGE, 1.0)).tick() <= 1


def test_ticks_that_passed_while_no_beat_ran_are_caught_up_with_one_job(ledger, beat):
    beat(DAILY).tick()
    ledger.change(idempotency_key="schedule:daily:1")  # it was the tick of the second of January 1970
    beat(DAILY).tick()
    assert ledger.count() == 2


def test_a_tick_whose_job_may_have_been_forgotten_is_not_caught_up(ledger, beat):
    then = ledger.do(lambda connection: connection.execute(select(NOW - timedelta(days=3))).scalar_one())
    yearly = Entry("yearly", MESSAGE, f"{then.minute} {then.hour} {then.day} {then.month} *")
    beat(yearly, retention_days=2).tick()
    assert ledger.count() == 0
    beat(yearly, retention_days=4).tick()
    assert ledger.count() == 1


def test_a_beat_of_another_version_whose_job_differs_leaves_the_tick_to_the_first(ledger, beat):
    beat(DAILY).tick()
    newer = beat(Entry("daily", PRUNE.message(Prune(days=30)), 86400.0), Entry("other", MESSAGE, 86400.0))
    newer.tick()
    assert ledger.count() == 2
    assert ledger.count(idempotency_key="schedule:other") == 0


def test_a_tick_whose_commit_failed_is_accepted_by_the_next_call(ledger, beat):
    one = beat(DAILY)
    with ledger.failing("INSERT", "admin_shutdown"):
        assert one.tick() > 0
    assert ledger.count() == 0
    one.tick()
    assert ledger.count() == 1


@pytest.mark.parametrize("trouble", ["refused", "read_only", "no_tables"])
def test_a_tick_never_raises_whatever_the_database_does(ledger, beat, trouble, database_url, silent_port):
    urls = {
        "refused": f"postgresql://nobody@127.0.0.1:{silent_port + 1}/none",
        "no_tables": database_url.rpartition("/")[0] + "/template1",
    }
    one = beat(DAILY, database_url=urls.get(trouble, database_url), database_timeout=2)
    with structlog.testing.capture_logs():
        if trouble == "read_only":
            with ledger.read_only():
                assert one.tick() > 0
        else:
            assert one.tick() > 0
