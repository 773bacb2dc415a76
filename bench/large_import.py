"""A file of a million rows is imported: what memory its worker takes, and whether mails sent meanwhile wait for it."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import psutil
from bench.pss import Samples, sampling
from bench.running import Ground
from bench.whole_suite import Mailbox, Suite
from sqlalchemy import BigInteger, Engine, cast, func, select

from penstock_contracts.queues import DATASET
from penstock_runtime.schema import dataset_rows

HEADER = "order,day,branch,customer,item,quantity,price,note"
BRANCHES = ("North", "South", "East", "West", "上海", "北京")
AMOUNT = 5
"""The column, from 0, whose sum tells that each row has arrived with its own content."""

EVERY = 0.1
"""Seconds between two looks at the worker's memory."""

PAUSE = 0.25
"""Seconds between two mails."""

PATIENCE = 600.0
"""Seconds for the import, and for the mails after it."""


@dataclass
class Result:
    """Milliseconds from a POST until the mail server has the mail whole: with nothing else to do, before and after the
    import, and during it. memory: of the dataset worker and its children."""

    rows: int
    file_mib: float
    idle_ms: list[float] = field(default_factory=list)
    busy_ms: list[float] = field(default_factory=list)
    resting_mib: float = 0
    memory: Samples = field(default_factory=Samples)
    seconds: float = 0
    faults: list[str] = field(default_factory=list)


def measure(ground: Ground, rows: int, mails: int, say: Callable[[str], None]) -> Result:
    """Start the suite as `penstock up` does, send mails, then the file and more mails, then mails again."""
    say(f"a file of {rows:,} rows is written")
    file = ground.folder / "orders.csv"
    amount = write_csv(file, rows)
    result = Result(rows, round(file.stat().st_size / 2**20, 1))
    with Mailbox() as mailbox, _suite(ground, mailbox.port) as (client, worker):
        say(f"{mails} mails with nothing else to do")
        result.idle_ms += _mails(client, mailbox, mails, result.faults)
        with sampling(worker.pid, EVERY) as resting:
            time.sleep(2 * EVERY)
        result.resting_mib = statistics.median(resting.mib)
        say("the file is imported, and mails are sent meanwhile")
        with sampling(worker.pid, EVERY) as result.memory:
            job = _import(ground, client, mailbox, file, result)
        result.faults += row_faults(ground.database, UUID(job), rows, amount)
        say(f"{mails} mails with nothing else to do")
        result.idle_ms += _mails(client, mailbox, mails, result.faults)
        result.faults += [f"{len(times)} mails for {who}" for who, times in mailbox.got.items() if len(times) > 1]
    return result


def write_csv(path: Path, rows: int) -> int:
    """A table of orders, always the same one; returns the sum of its quantities."""
    drawn, total = random.Random(1), 0
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{HEADER}\n")
        for number in range(rows):
            quantity = drawn.randint(1, 500)
            total += quantity
            day = f"2026-{drawn.randint(1, 12):02}-{drawn.randint(1, 28):02}"
            who = f"customer-{drawn.randint(1, 50_000)}"
            note = f'"item, as agreed on {day}"' if number % 3 else ""
            price = f"{drawn.randint(100, 99_999) / 100:.2f}"
            file.write(f"{number},{day},{drawn.choice(BRANCHES)},{who},A{number % 977:04},{quantity},{price},{note}\n")
    return total


@contextmanager
def _suite(ground: Ground, smtp_port: int) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """A client of the API, and the dataset worker."""
    suite = Suite.of(ground, smtp_port)
    processes = ground.start(*suite.programs)
    started = zip(suite.programs, processes, strict=True)
    worker = next(process for program, process in started if program.name == DATASET.service)
    with suite.client() as client:
        yield client, worker


def _import(ground: Ground, client: httpx.Client, mailbox: Mailbox, path: Path, result: Result) -> str:
    with path.open("rb") as file:
        answered = client.post("/v1/datasets", files={"file": (path.name, file)}).raise_for_status()
    began = time.monotonic()
    job = str(answered.json()["job_id"])
    while (state := _state(client, job)) in ("accepted", "queued", "running"):
        result.busy_ms += _mails(client, mailbox, 1, result.faults)
        if time.monotonic() - began > PATIENCE:
            break
    result.seconds = time.monotonic() - began
    if state != "succeeded":
        result.faults.append(f"the import is {state} after {result.seconds:.0f} s")
    return job


def _state(client: httpx.Client, job: str) -> str:
    return str(client.get(f"/v1/jobs/{job}").raise_for_status().json()["state"])


def _mails(client: httpx.Client, mailbox: Mailbox, count: int, faults: list[str]) -> list[float]:
    """Post so many, one after another with a pause, and wait until each has come. Milliseconds each took."""
    took = []
    for _ in range(count):
        address = f"reader-{time.monotonic_ns()}@example.com"
        began = time.monotonic()
        client.post("/v1/registrations", json={"email": address}).raise_for_status()
        while address not in mailbox.got and time.monotonic() - began < PATIENCE:
            time.sleep(0.001)
        if address in mailbox.got:
            took.append((mailbox.got[address][0] - began) * 1000)
        time.sleep(PAUSE)
    if len(took) < count:
        faults.append(f"{count - len(took)} of {count} mails did not come within {PATIENCE:g} s")
    return took


def row_faults(database: Engine, dataset: UUID, rows: int, amount: int) -> list[str]:
    """Whether so many rows lie in the dataset, each once and with its own content; in sentences where not."""
    amounts = func.sum(cast(dataset_rows.c.cells[AMOUNT].astext, BigInteger))
    query = select(func.count(), amounts).where(dataset_rows.c.dataset_id == dataset)
    with database.connect() as connection:
        found = connection.execute(query).one()
    told = zip(("rows", "sum of quantities"), found, (rows, amount), strict=True)
    return [f"the dataset's {name}: {is_} instead of {should}" for name, is_, should in told if is_ != should]
