"""A job belongs to its worker for as long as that lives, and to the next one soon after."""

import signal
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy
from celery import Celery
from processes import Running, eventually

from penstock_contracts.generation import REPORT, Report
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import Pool
from penstock_contracts.task import Message
from penstock_runtime.ledger import JobView, cancel
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

Start = Callable[..., Running]
Read = Callable[[str], JobView]


@pytest.fixture
def submit(settings: RuntimeSettings) -> Callable[[Message], str]:
    submitter = Submitter(settings)
    yield lambda message: submitter.submit(message, tenant="default").job_id
    submitter.close()


@pytest.fixture
def probe(worker: Start, tmp_path: Path) -> Start:
    return lambda queue, pool: worker(queue, module="probe", pool=pool, PROBE_FOLDER=str(tmp_path))


def starts(folder: Path) -> int:
    path = folder / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


def effects(database: sqlalchemy.Engine) -> int:
    with database.connect() as connection:
        return connection.execute(sqlalchemy.text("SELECT count(*) FROM accounts")).scalar_one()


def a_report() -> Message:
    return REPORT.message(Report(dataset_id=uuid4()))


def test_a_job_that_blocks_the_gevent_hub_for_three_lease_lengths_runs_once(
    probe: Start, scheduler: Start, submit: Callable[[Message], str], job: Read, tmp_path: Path, database
) -> None:
    scheduler()
    probe("ops_trace", Pool.GEVENT)
    job_id = submit(PRUNE.message(Prune(days=6)))
    eventually(lambda: job(job_id).state == "succeeded", "the job ends")
    assert starts(tmp_path) == 1
    assert job(job_id).attempt == 1
    assert effects(database) == 1


@pytest.mark.parametrize("pool", [Pool.PREFORK, Pool.GEVENT])
def test_a_job_of_a_killed_worker_runs_again_and_has_its_effect_once(
    pool: Pool, probe: Start, scheduler: Start, submit: Callable[[Message], str], job: Read, tmp_path: Path, database
) -> None:
    scheduler()
    first = probe("generation", pool)
    job_id = submit(a_report())
    eventually(lambda: starts(tmp_path) == 1, "the job starts")
    first.kill()
    probe("generation", pool)
    eventually(lambda: starts(tmp_path) == 2, "the job starts again")
    (tmp_path / "go").touch()
    eventually(lambda: job(job_id).state == "succeeded", "the job ends")
    assert job(job_id).attempt == 2
    assert effects(database) == 1


def test_a_job_whose_child_process_is_killed_is_given_back_before_its_lease_runs_out(
    probe: Start, scheduler: Start, submit: Callable[[Message], str], job: Read, tmp_path: Path, database
) -> None:
    scheduler()
    parent = probe("generation", Pool.PREFORK)
    job_id = submit(a_report())
    eventually(lambda: starts(tmp_path) == 1, "the job starts")
    for child in parent.process.children():
        child.send_signal(signal.SIGKILL)
    eventually(lambda: starts(tmp_path) == 2, "the job starts again")
    assert parent.says("worker_lost")
    (tmp_path / "go").touch()
    eventually(lambda: job(job_id).state == "succeeded", "the job ends")
    assert effects(database) == 1


def test_a_worker_that_was_stopped_too_long_cannot_finish_what_another_took_over(
    probe: Start, scheduler: Start, submit: Callable[[Message], str], job: Read, tmp_path: Path, database
) -> None:
    scheduler()
    first = probe("generation", Pool.GEVENT)
    job_id = submit(a_report())
    eventually(lambda: starts(tmp_path) == 1, "the job starts")
    first.process.suspend()
    probe("generation", Pool.GEVENT)
    eventually(lambda: starts(tmp_path) == 2, "another worker takes it over")
    first.process.resume()
    eventually(lambda: first.says("lease_lost"), "the first one hears that it lost the job")
    (tmp_path / "go").touch()
    eventually(lambda: job(job_id).state == "succeeded", "the job ends")
    assert effects(database) == 1


def test_a_worker_told_to_end_finishes_what_it_runs(
    probe: Start, scheduler: Start, submit: Callable[[Message], str], job: Read, tmp_path: Path, database
) -> None:
    scheduler()
    first = probe("generation", Pool.PREFORK)
    job_id = submit(a_report())
    eventually(lambda: starts(tmp_path) == 1, "the job starts")
    first.process.send_signal(signal.SIGTERM)
    eventually(lambda: first.says("Warm shutdown"), "the worker begins to end")
    (tmp_path / "go").touch()
    first.process.wait(20)
    assert job(job_id).state == "succeeded"
    assert (job(job_id).attempt, effects(database)) == (1, 1)


def test_a_running_job_is_cancelled_by_its_worker(
    probe: Start, submit: Callable[[Message], str], job: Read, tmp_path: Path, database
) -> None:
    probe("generation", Pool.PREFORK)
    job_id = submit(a_report())
    eventually(lambda: starts(tmp_path) == 1, "the job starts")
    with database.begin() as connection:
        assert cancel(connection, job_id, tenant="default").state == "running"
    eventually(lambda: job(job_id).state == "cancelled", "the worker cancels it")
    assert effects(database) == 0


def test_a_running_job_that_never_tells_its_progress_is_cancelled_and_has_no_effect(
    probe: Start, submit: Callable[[Message], str], job: Read, tmp_path: Path, database
) -> None:
    worker = probe("ops_trace", Pool.GEVENT)
    job_id = submit(PRUNE.message(Prune(days=4)))
    eventually(lambda: starts(tmp_path) == 1, "the job starts")
    with database.begin() as connection:
        cancel(connection, job_id, tenant="default")
    eventually(lambda: job(job_id).state != "running", "the renewal brings the wish to its worker")
    assert job(job_id).state == "cancelled"
    eventually(lambda: worker.says("lease_lost"), "its handler comes to an end")
    assert job(job_id).state == "cancelled"
    assert effects(database) == 0


@pytest.mark.parametrize("pool", [Pool.PREFORK, Pool.GEVENT])
def test_a_running_job_that_a_celery_client_terminates_is_cancelled_and_has_no_effect(
    pool: Pool,
    probe: Start,
    submit: Callable[[Message], str],
    settings: RuntimeSettings,
    job: Read,
    tmp_path: Path,
    database,
) -> None:
    probe("generation", pool)
    job_id = submit(a_report())
    eventually(lambda: starts(tmp_path) == 1, "the job starts")
    with Celery(broker=settings.broker_url, set_as_current=False) as client:
        client.control.revoke(job_id, terminate=True, signal="SIGKILL")
        eventually(lambda: job(job_id).state == "cancelled", "its worker ends it")
    assert effects(database) == 0
