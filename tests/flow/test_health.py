"""A probe restarts what hangs, and nothing that only waits for a server."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from gates import Gate
from processes import Running, eventually

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import Pool
from penstock_runtime.health import from_line, judge, read
from penstock_runtime.migrate import upgrade
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

Start = Callable[..., Running]

MAX_AGE = 6.0
AGES = {"PENSTOCK_HEARTBEAT_MAX_AGE": str(MAX_AGE)}


def says(running: Running, question: str) -> tuple[bool, str]:
    return judge(question, read(str(running.heartbeat)), time.monotonic(), MAX_AGE)


def is_live(running: Running) -> bool:
    return says(running, "live")[0]


def is_ready(running: Running) -> bool:
    return says(running, "ready")[0]


def moved_at(running: Running) -> float:
    """When the part that has been still for the longest time moved."""
    return min(from_line(line)[1] for line in (read(str(running.heartbeat)) or "").splitlines())


@pytest.fixture
def suite(worker: Start, scheduler: Start, tmp_path: Path) -> Callable[..., list[Running]]:
    """Start a worker of each pool, and the scheduler; all are ready."""

    def start(**more: str) -> list[Running]:
        more |= AGES | {"PROBE_FOLDER": str(tmp_path)}
        pools = [
            worker("generation", module="probe", pool=Pool.PREFORK, **more),
            worker("ops_trace", module="probe", pool=Pool.GEVENT, **more),
        ]
        made = [*pools, scheduler(**more)]
        for one in made:
            eventually(lambda one=one: is_ready(one), "it is ready")
        return made

    return start


@pytest.fixture
def gate(request: pytest.FixtureRequest, settings: RuntimeSettings) -> Iterator[tuple[Gate, dict[str, str]]]:
    """What leads to one server, and the settings that lead a process there."""
    name, url = {
        "Redis": ("CELERY_BROKER_URL", settings.broker_url),
        "PostgreSQL": ("PENSTOCK_DATABASE_URL", settings.database_url),
    }[request.param]
    with closing(Gate(urlsplit(url).port or 0)) as gate:
        yield gate, {name: url.replace(f":{urlsplit(url).port}/", f":{gate.port}/")}


@pytest.mark.parametrize("gate", ["Redis", "PostgreSQL"], indirect=True)
def test_what_waits_for_a_server_for_longer_than_the_longest_age_is_live(
    suite: Callable[..., list[Running]], gate: tuple[Gate, dict[str, str]]
) -> None:
    door, through_it = gate
    running = suite(**through_it)
    door.refuse()
    # Without PostgreSQL a worker that has nothing to do waits for nobody.
    waiting = running if "CELERY_BROKER_URL" in through_it else running[-1:]
    eventually(lambda: not any(is_ready(one) for one in waiting), "they wait for it")
    end = time.monotonic() + MAX_AGE + 2
    while time.monotonic() < end:
        assert [says(one, "live") for one in running if not is_live(one)] == []
        time.sleep(0.1)
    door.let_through()
    eventually(lambda: all(is_ready(one) for one in running), "all are ready again")


@pytest.mark.parametrize("gate", ["Redis"], indirect=True)
def test_what_talks_to_a_server_that_hangs_goes_on_moving(
    suite: Callable[..., list[Running]], gate: tuple[Gate, dict[str, str]]
) -> None:
    door, through_it = gate
    running = suite(**through_it)
    door.hang()
    # By then each has met the silence, and has given up at least one command.
    later = time.monotonic() + 12
    eventually(lambda: all(moved_at(one) > later for one in running), "all move on")
    door.let_through()
    eventually(lambda: all(is_ready(one) for one in running), "all are ready again")


def test_what_is_stopped_or_computes_without_an_end_is_not_live(
    suite: Callable[..., list[Running]], settings: RuntimeSettings
) -> None:
    prefork, gevent, scheduler = suite()
    for one in (prefork, scheduler):
        one.process.suspend()
    # The gevent worker is left, and takes it.
    submitter = Submitter(settings)
    submitter.submit(PRUNE.message(Prune(days=15)), tenant="default")
    submitter.close()
    eventually(lambda: not any(is_live(one) for one in (prefork, gevent, scheduler)), "none is live")
    for one in (prefork, scheduler):
        one.process.resume()
    eventually(lambda: all(is_live(one) for one in (prefork, gevent, scheduler)), "all are live again")


def test_a_job_that_computes_in_a_process_of_its_own_leaves_its_worker_live(
    worker: Start, settings: RuntimeSettings, tmp_path: Path
) -> None:
    prefork = worker("ops_trace", module="probe", pool=Pool.PREFORK, PROBE_FOLDER=str(tmp_path), **AGES)
    submitter = Submitter(settings)
    submitter.submit(PRUNE.message(Prune(days=int(MAX_AGE) + 3)), tenant="default")
    submitter.close()
    eventually((tmp_path / "starts").exists, "the job starts")
    while not prefork.says('"event": "took"'):
        assert is_ready(prefork), says(prefork, "ready")
        time.sleep(0.1)


@pytest.fixture
def blank_url(settings: RuntimeSettings) -> Iterator[str]:
    """A database without tables."""
    server = settings.database_url.rpartition("/")[0]
    with psycopg.connect(f"{server}/template1", autocommit=True) as admin:
        admin.execute("CREATE DATABASE empty TEMPLATE template0")
        yield f"{server}/empty"
        admin.execute("DROP DATABASE empty WITH (FORCE)")


def test_before_the_tables_are_made_all_are_live_and_none_is_ready(
    start: Start, blank_url: str, worker: Start, scheduler: Start
) -> None:
    blank = AGES | {"PENSTOCK_DATABASE_URL": blank_url, "CELERY_RESULT_BACKEND": blank_url}
    mail = ["-A", "penstock_worker_mail.app", "worker", "-Q", "mail", "-P", "gevent", "-c", "5"]
    impatient = start(*mail, until="the tables are not made yet", **blank)
    running = [start(*mail, until="the tables are not made yet", **blank), scheduler(**blank)]
    eventually(lambda: running[1].says("the tables are not made yet"), "the scheduler says what it waits for")
    assert [is_live(one) for one in running] == [True, True]
    assert [says(one, "ready")[1] for one in running] == [
        "not ready: the consumer waits for PostgreSQL",
        "not ready: the schedule waits for PostgreSQL",
    ]
    impatient.process.send_signal(signal.SIGTERM)
    assert impatient.process.wait(10) == 0
    upgrade(blank_url)
    eventually(lambda: all(is_ready(one) for one in running), "both are ready")
    assert not running[1].says("fault")
