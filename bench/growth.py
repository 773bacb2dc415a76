"""Whether what the product does takes as long with many jobs in the ledger as with few, and with many that wait."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.growth_ledger import Ledger, Took
from bench.growth_pages import Pages
from bench.growth_rows import BIG, FIRST, SMALL, make_finished, make_first, make_waiting, read_indexes, settle
from bench.progress import steps
from bench.running import Ground, ground, gunicorn
from sqlalchemy import Engine

from penstock_cli.local.ports import free_port
from penstock_runtime.keys import create_key
from penstock_runtime.settings import RuntimeSettings, load

SMALLEST = 1000
"""Jobs in the table that the others are compared with."""

LEASE = 5.0
"""Seconds. A relay judges leases once it has watched for as long as one lasts: hence a short one."""


@dataclass(frozen=True)
class Wanted:
    """How much is measured: tables of up to so many `rows`, the last also with so many `waiting`; rounds of each."""

    rows: int
    waiting: int
    rounds: int

    @property
    def sizes(self) -> list[int]:
        """Jobs in the tables, each ten times as many as before."""
        sizes = [10 * SMALLEST]
        while sizes[-1] * 10 < self.rows:
            sizes.append(sizes[-1] * 10)
        return [size for size in sizes if size < self.rows] + [self.rows]


@dataclass
class Table:
    """Milliseconds that each operation took each time in a table of so many jobs, and in the smallest meanwhile."""

    rows: int
    waiting: int
    ms: dict[str, list[float]] = field(default_factory=dict)
    smallest_ms: dict[str, list[float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.rows:,} + {self.waiting:,} waiting" if self.waiting else f"{self.rows:,}"

    def ratio(self, operation: str) -> float:
        """Times as long as in the smallest table, in the median."""
        return statistics.median(self.ms[operation]) / statistics.median(self.smallest_ms[operation])


@dataclass
class Result:
    """The tables, the smallest first."""

    wanted: Wanted
    tables: list[Table] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def operations(self) -> list[str]:
        """Whatever was timed."""
        return list(self.tables[0].ms)

    def worst(self, operation: str) -> float:
        """The largest ratio of all tables."""
        return max(table.ratio(operation) for table in self.tables)


@dataclass(frozen=True)
class Side:
    """A ledger with jobs in it, its Redis and its API, and nobody else on them.

    warm: its indexes are read as a whole beforehand.
    """

    engine: Engine
    settings: RuntimeSettings
    pages: Pages
    warm: bool = False

    @contextmanager
    def looking(self, faults: list[str], about: str) -> Iterator[Callable[[Took], None]]:
        """Gives what does each operation some times. The jobs are the same afterwards, or `faults` tell."""
        settle(self.engine)
        if self.warm:
            read_indexes(self.engine)
        ledger = Ledger(self.settings)
        before, began = ledger.census(), time.monotonic()

        def look(took: Took) -> None:
            ledger.round(took)
            self.pages.round(took)

        look(Took())
        while time.monotonic() - began < self.settings.lease:
            ledger.relay.one_pass()
            time.sleep(self.settings.relay_every / 10)
        yield look
        after = ledger.census()
        ledger.close()
        said = ledger.faults + self.pages.take_faults()
        faults += [f"{about}: {times} × {fault}" for fault, times in said.items()]
        faults += [
            f"{about}: {after.get(state, 0)} of {number} jobs are {state}"
            for state, number in before.items()
            if after.get(state, 0) != number
        ]


def measure(larger: Ground, wanted: Wanted, say: Callable[[str], None]) -> Result:
    """Make a table larger and larger, and measure it in between, in turns with one that stays as it is."""
    result = Result(wanted)
    with ground(larger.shared_buffers) as smallest, steps("growth", 2 * len(wanted.sizes) + 2) as begin:
        sides = side_on(smallest), side_on(larger)
        there = FIRST
        make_finished(sides[0].engine, SMALLEST - FIRST)
        for size in wanted.sizes:
            begin(f"{size:,} jobs are made")
            make_finished(sides[1].engine, size - there)
            there = size
            begin(f"{size:,} jobs")
            _compare(sides, Table(size, 0), result, say)
        begin(f"{wanted.waiting:,} more that wait are made")
        make_waiting(sides[1].engine, sides[1].settings, wanted.waiting)
        begin(f"{there:,} jobs, and {wanted.waiting:,} that wait")
        _compare(sides, Table(there, wanted.waiting), result, say)
    return result


def side_on(ground: Ground) -> Side:
    """An API on this ground, and the first jobs."""
    port, engine = free_port(), ground.database
    ground.start(gunicorn("growth-api", port, ground.environment(port, workers=1)))
    with engine.begin() as connection:
        keys = {name: create_key(connection, tenant, "growth")[1] for name, tenant in (("big", BIG), ("small", SMALL))}
    settings, warm = settings_on(ground.database_url, ground.redis_url), ground.shared_buffers is not None
    side = Side(engine, settings, Pages(port, keys), warm)
    make_first(side.engine, side.settings)
    return side


def settings_on(database_url: str, redis_url: str) -> RuntimeSettings:
    """Of a relay and a worker on these servers."""
    urls = {"PENSTOCK_DATABASE_URL": database_url, "CELERY_BROKER_URL": redis_url}
    return load(RuntimeSettings, **urls, lease=LEASE, renew_every=LEASE / 3)


def _compare(sides: tuple[Side, Side], table: Table, result: Result, say: Callable[[str], None]) -> None:
    smallest, larger = sides
    took, smallest_took = Took(), Took()
    with (
        smallest.looking(result.faults, f"beside {table.name}") as look_at_smallest,
        larger.looking(result.faults, table.name) as look_at_larger,
    ):
        for _ in range(result.wanted.rounds):
            look_at_smallest(smallest_took)
            look_at_larger(took)
    table.ms, table.smallest_ms = took.ms, smallest_took.ms
    result.tables.append(table)
    worst = max(result.operations, key=table.ratio)
    say(f"{table.name}: at most {table.ratio(worst):.2f} × as long as with {SMALLEST:,} ({worst})")
