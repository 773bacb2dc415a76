"""The ledger and its neighbours as the runtime's tests see them."""

import contextlib
import json
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from sqlalchemy import Engine, Row, delete, func, select, update

from penstock_cli.embedded import Server, postgres_in, redis_in
from penstock_cli.local.ports import free_port
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.task import Message
from penstock_runtime.database import connect, engine_on
from penstock_runtime.doctor.examination import examine
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.ledger import Accepted, accept
from penstock_runtime.migrate import upgrade
from penstock_runtime.relay import Relay
from penstock_runtime.schema import jobs
from penstock_runtime.settings import RuntimeSettings, load


def _eventually(condition: Callable[[], Any], *, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"did not come true within {seconds} s"
        time.sleep(0.01)
    return answer


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Ask until the answer is true, and return it: `eventually(condition, seconds=10)`."""
    return _eventually


def _at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    ready = threading.Barrier(count)

    def one(number: int) -> Any:
        ready.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


@pytest.fixture
def in_background() -> Iterator[Callable[..., "Future[Any]"]]:
    """Begin a call in a thread: `in_background(work, …).result()` is its answer."""
    with ThreadPoolExecutor(4) as threads:
        yield threads.submit


@pytest.fixture
def at_once() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    """Call `work(0) … work(count - 1)` in as many threads at the same moment, and return their answers in order."""
    return _at_once


@pytest.fixture
def database_url(emptied_database_url: str) -> str:
    """These are many tests, and what they start has ended with them."""
    return emptied_database_url


@dataclass(frozen=True)
class Ledger:
    """The ledger with all its columns."""

    engine: Engine

    def do(self, step: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """One step of the ledger in a transaction of its own."""
        with self.engine.begin() as connection:
            return step(connection, *arguments, **named)

    def accept(self, message: Message | None = None, *, tenant: str = "default", **named: Any) -> Accepted:
        return self.do(accept, message or PRUNE.message(Prune()), tenant=tenant, **named)

    def accept_many(self, count: int, message: Message | None = None) -> list[str]:
        """So many jobs that nobody publishes yet, in one statement. Their ids are in order."""
        first = self.accept(message).job_id
        copies = (
            "INSERT INTO jobs SELECT (jsonb_populate_record(job, jsonb_build_object("
            "'id', job.id || to_char(number, 'FM-00000'), 'published_at', NULL))).*"
            " FROM jobs AS job, generate_series(1, %(count)s) AS number WHERE id = %(first)s RETURNING id"
        )
        names = {"count": count, "first": first}
        rows = self.do(lambda connection: connection.exec_driver_sql(copies, names).scalars().all())
        self.do(lambda connection: connection.execute(delete(jobs).where(jobs.c.id == first)))
        return sorted(rows)

    def row(self, job_id: str) -> Row[Any]:
        return self.do(lambda connection: connection.execute(select(jobs).where(jobs.c.id == job_id)).one())

    def change(self, *job_ids: str, **values: Any) -> None:
        """Make rows what a test needs them to be; without ids, all of them."""
        which = jobs.c.id.in_(job_ids) if job_ids else jobs.c.id.is_not(None)
        self.do(lambda connection: connection.execute(update(jobs).where(which).values(**values)))

    def count(self, **having: Any) -> int:
        query = select(func.count()).select_from(jobs).filter_by(**having)
        return self.do(lambda connection: connection.execute(query).scalar_one())

    def waiting(self) -> int:
        """How many sessions wait for a lock that another one holds."""
        query = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted"
        here = f"{query} AND datname = current_database()"
        return int(self.do(lambda connection: connection.exec_driver_sql(here).scalar_one()))

    def execute(self, *statements: str) -> None:
        self.do(lambda connection: [connection.exec_driver_sql(statement) for statement in statements])

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """The database takes no writes, as a standby does and a server that was demoted to one."""
        name = self.engine.url.database
        self.execute(*_SET_READ_ONLY.format(name, "on").split(";"))
        yield
        self.execute(*_SET_READ_ONLY.format(name, "off").split(";"))

    @contextlib.contextmanager
    def failing(self, event: str, condition: str) -> Iterator[None]:
        """Transactions with `INSERT` or `UPDATE` of a job end at their COMMIT with this error of PostgreSQL's."""
        self.execute(*_FAIL.format(event, condition).split("--"))
        yield
        self.execute("DROP FUNCTION fail CASCADE")


# For new sessions; so the old ones are ended.
_SET_READ_ONLY = """SET TRANSACTION READ WRITE;
ALTER DATABASE "{}" SET default_transaction_read_only = {};
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"""

_FAIL = """CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'for a test' USING ERRCODE = '{1}'; END $$ --
CREATE CONSTRAINT TRIGGER fails AFTER {0} ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"""


@pytest.fixture
def ledger(settings: RuntimeSettings) -> Iterator[Ledger]:
    """With connections enough for the widest crowd of threads."""
    engine = connect(settings, most=60)
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis"]:
    """The run's Redis, emptied."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def listed(broker: "redis.Redis") -> Callable[..., list[str]]:
    """The ids of the jobs whose messages lie on a Redis list, the next to be taken first: `listed("mail:5")`."""

    def read(name: str = "ops_trace") -> list[str]:
        return [json.loads(message)["headers"]["id"] for message in reversed(broker.lrange(name, 0, -1))]

    return read


@pytest.fixture
def quick(settings: RuntimeSettings) -> Callable[..., RuntimeSettings]:
    """Settings with times that a test can wait for: `quick(lease=2, broker_url=…)`."""

    def make(**named: Any) -> RuntimeSettings:
        times = {"relay_every": 0.05, "publish_timeout": 2, "redis_timeout": 0.5, "lease": 2, "renew_every": 0.2}
        values = {"start_within": 10, "retry_first": 0, "outage_patience": 20} | times | named
        values |= {"heartbeat_file": settings.heartbeat_file}
        return load(
            RuntimeSettings,
            PENSTOCK_DATABASE_URL=values.pop("database_url", settings.database_url),
            CELERY_BROKER_URL=values.pop("broker_url", settings.broker_url),
            CELERY_RESULT_BACKEND=settings.result_backend,
            **values,
        )

    return make


@pytest.fixture
def relay(quick: Callable[..., RuntimeSettings]) -> Iterator[Callable[..., Relay]]:
    """Make relays with quick settings: `relay(lease=2)`."""
    made: list[Relay] = []

    def make(**named: Any) -> Relay:
        made.append(Relay(quick(**named)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@dataclass
class Mortal:
    """A server of the test's own, to be killed and started again with what it kept."""

    server: Server
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = self.server.start(log)
        self.server.wait(self.process)

    def kill(self) -> None:
        """What a power cut does: the process and its children end at once."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        for one in (self.process, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(10)
        psutil.wait_procs(children, timeout=10)
        self.process = None


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's tmp_path: PostgreSQL runs as another user when the tests run as root.
    with tempfile.TemporaryDirectory(prefix="penstock-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def mortal(folder: Path) -> Iterator[Callable[[Server], Mortal]]:
    """Start servers of the test's own."""
    made: list[Mortal] = []

    def start(server: Server) -> Mortal:
        made.append(Mortal(server, folder))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        if one.process is not None:
            one.kill()


@pytest.fixture
def own_redis(mortal: Callable[[Server], Mortal], folder: Path) -> Mortal:
    return mortal(redis_in(folder / "redis", free_port()))


@pytest.fixture
def own_postgres(mortal: Callable[[Server], Mortal], folder: Path) -> Mortal:
    """A PostgreSQL of the test's own, with the tables in it. What it has committed survives `kill`."""
    made = mortal(postgres_in(folder / "postgres", free_port()))
    upgrade(made.server.url)
    return made


@pytest.fixture
def own_ledger(own_postgres: Mortal) -> Iterator[Ledger]:
    """The ledger in it."""
    engine = engine_on(own_postgres.server.url, most=5, timeout=5)
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def found(quick: Callable[..., RuntimeSettings]) -> Callable[..., Any]:
    """Examine, and return the findings by code, or in a list: `found(broker_url=…, doctor_behind=1, every=True)`."""

    def look(*, every: bool = False, **named: Any) -> Any:
        bounds = {name: named.pop(name) for name in list(named) if name.startswith("doctor_")}
        findings = examine(quick(**named), load(DoctorSettings, **bounds))
        return findings if every else {finding.code: finding for finding in findings}

    return look
