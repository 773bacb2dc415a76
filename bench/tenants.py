"""Whether what the product does takes as long with the same jobs spread over many tenants as with those of one."""

import json
import random
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.growth import settings_on
from bench.growth_ledger import MESSAGE, Took
from bench.growth_rows import RECENT, make_finished
from bench.load import Connection, Shot
from bench.progress import steps
from bench.running import Ground, ground, gunicorn
from sqlalchemy import Engine, delete, func, select, text

from penstock_cli.local.ports import free_port
from penstock_runtime.database import connect
from penstock_runtime.keys import create_key
from penstock_runtime.ledger.accept import Accepted, NewJob, accept_all
from penstock_runtime.ledger.figures import read_figures
from penstock_runtime.schema import jobs

TENANTS = (1, 10, 100, 1_000, 10_000)
SHORT = (1, 100, 10_000)

TIMES = 10
"""That each is done in a round, with a tenant that is drawn each time."""

PAGE = 5
"""Jobs on a page."""

Ask = tuple[str, dict[str, str], int]

SETTLE: Ask = ("", {}, PAGE)
"""Not timed: the API tells of a key's use behind the answer, which the next request on that connection waits for."""

ASKS: tuple[Ask, ...] = (
    ("first page, after another tenant's", {}, PAGE),
    SETTLE,
    ("first page", {}, PAGE),
    ("page of one state, which nobody has", {"state": "running"}, 0),
)
"""What a tenant asks for, one after another, and how many jobs are to be the answer. A key that was not seen lately is
looked up for the first one."""

_SPREAD = """
    UPDATE jobs SET tenant = 't' || 1 + numbered.number % :tenants,
        finished_at = CASE WHEN numbered.number <= :recent THEN now() - random() * interval '4 minutes'
                           ELSE finished_at END
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM jobs) AS numbered WHERE numbered.id = jobs.id
    """


@dataclass(frozen=True)
class Wanted:
    """So many `jobs` in each ledger, spread evenly over each of these numbers of tenants; and so many rounds."""

    jobs: int
    rounds: int
    tenants: tuple[int, ...] = TENANTS


@dataclass
class Result:
    """Milliseconds that each operation took, by the number of tenants."""

    wanted: Wanted
    ms: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def median(self, operation: str, tenants: int) -> float:
        """What it took."""
        return statistics.median(self.ms[tenants][operation])

    def ratio(self, operation: str, tenants: int) -> float:
        """Times as long as with the fewest tenants."""
        return self.median(operation, tenants) / self.median(operation, self.wanted.tenants[0])


class Side:
    """A ledger of its own whose jobs are spread over so many tenants, each with a key, and its API."""

    def __init__(self, on: Ground, count: int, tenants: int) -> None:
        self._count, self._tenants = count, tenants
        self._drawn = random.Random(1)
        self.took, self.faults = Took(), list[str]()
        self._port = free_port()
        on.start(gunicorn(f"api-{tenants}", self._port, on.environment(self._port, workers=1)))
        self._engine = connect(settings_on(on.database_url, on.redis_url), most=1, autocommit=True)
        make_finished(self._engine, count)
        spread(self._engine, tenants)
        with on.database.begin() as connection:
            self._keys = {name: create_key(connection, name, "tenants")[1] for name in map(called, range(tenants))}

    def round(self) -> None:
        """Each operation some times. Afterwards the jobs are the same."""
        asked = Connection(self._port)
        for _ in range(TIMES):
            tenant = called(self._drawn.randrange(self._tenants))
            self._accept(tenant)
            for ask in ASKS:
                self._ask(asked, tenant, *ask)
            with self._engine.connect() as connection, self.took.timing("rates of the queues"):
                read_figures(connection)
        asked.socket.close()

    def _accept(self, tenant: str) -> None:
        with self._engine.connect() as connection:
            with self.took.timing("accept one"):
                [accepted] = accept_all(connection, [NewJob(MESSAGE, tenant)])
            gone = 0
            if isinstance(accepted, Accepted):
                mine = jobs.c.id == accepted.job_id, jobs.c.tenant == tenant
                gone = connection.execute(delete(jobs).where(*mine)).rowcount
        self._expect("accepted jobs that were there", gone, 1)

    def _ask(self, asked: Connection, tenant: str, name: str, filters: dict[str, str], wanted: int) -> None:
        path = f"/v1/jobs?{urlencode({'limit': PAGE} | filters)}"
        shot = Shot(path, method="GET", headers={"Authorization": f"Bearer {self._keys[tenant]}"})
        asked.send(0, shot.parts[0])
        while (answer := asked.receive()) is None:
            pass
        status, body, ms = answer
        if name:
            self.took.add(name, ms)
        self._expect(f"GET {path}: status", status, 200)
        if status == 200:
            self._expect(f"GET {path}: jobs", len(json.loads(body)["items"]), wanted)

    def check(self) -> None:
        """See that all jobs are there as before."""
        with self._engine.connect() as connection:
            there = select(func.count(), func.count(jobs.c.tenant.distinct())).select_from(jobs)
            count, tenants = connection.execute(there).one()
        self._expect("jobs", count, self._count)
        self._expect("tenants with jobs", tenants, self._tenants)

    def _expect(self, what: str, found: int, wanted: int) -> None:
        if found != wanted:
            self.faults.append(f"{self._tenants} tenants: {what}: {found} instead of {wanted}")

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


def called(number: int) -> str:
    """A tenant's name, from 0 on."""
    return f"t{1 + number}"


def spread(engine: Engine, tenants: int) -> None:
    """Give the jobs to so many tenants, one after another, as if it had always been so; some ended just now."""
    with engine.connect() as connection:
        connection.execute(text(_SPREAD), {"tenants": tenants, "recent": RECENT})
        # What the change left behind would be read too.
        connection.exec_driver_sql("VACUUM (FULL, ANALYZE) jobs")
        connection.exec_driver_sql("CHECKPOINT")


def measure(ready: Ground, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """All sides take turns; whoever begins changes from round to round."""
    result, sides = Result(wanted), dict[int, Side]()
    with ExitStack() as stack, steps("tenants", len(wanted.tenants) + wanted.rounds) as begin:
        for tenants in wanted.tenants:
            begin(f"{wanted.jobs:,} jobs of {tenants:,} tenants are made")
            on = stack.enter_context(ground()) if sides else ready
            sides[tenants] = Side(on, wanted.jobs, tenants)
            stack.callback(sides[tenants].close)
            sides[tenants].round()
            sides[tenants].took = Took()
        for number in range(wanted.rounds):
            begin(f"round {number + 1} of {wanted.rounds}")
            first = number % len(sides)
            for side in [*sides.values()][first:] + [*sides.values()][:first]:
                side.round()
        for tenants, side in sides.items():
            side.check()
            result.ms[tenants] = side.took.ms
            result.faults += side.faults
            say(f"{tenants:,} tenants: a job is accepted in {result.median('accept one', tenants):.2f} ms")
    return result
