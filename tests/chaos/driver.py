"""One run: the suite is started, loaded and hit; when it is quiet, what was promised is compared with what there is."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
from chaos import work
from chaos.faults import Hit, Striker
from chaos.load import Load
from chaos.node import Node, running
from chaos.plan import Fault, Wanted, draw
from chaos.record import examine
from chaos.report import Report
from chaos.sight import OPEN, Sight
from chaos.sink import Sink, smtp_sink
from chaos.suite import Layout
from sqlalchemy import Engine, select

from penstock_contracts.queues import DATASET
from penstock_runtime.database import connect
from penstock_runtime.keys import create_key
from penstock_runtime.migrate import upgrade
from penstock_runtime.schema import jobs as job_rows

START_SECONDS = 90.0
PAUSE = (0.1, 0.8)
"""Seconds between the end of one fault and the next."""

BURST = 2
"""Faults that share a portion of the load, which is released before the first of them."""

TRIES = 3
"""How often a fault is tried whose state was not seen in time."""


@dataclass(frozen=True)
class Options:
    """What to run. `bound`: seconds after the last fault within which every job must have ended."""

    jobs: int
    seed: int
    bound: float
    wanted: Wanted
    replicas: int = 2
    command: str = ""
    keep: bool = False


@dataclass
class Run:
    """One run under way. `random`: draws the jobs and the faults, and nothing whose number depends on time."""

    options: Options
    layout: Layout
    node: Node
    engine: Engine
    say: Callable[[str], None]
    random: Random
    hits: list[Hit] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)


def run(options: Options, say: Callable[[str], None]) -> Report:
    """Do it all. Raises RuntimeError where the suite does not even start."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-chaos-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when this runs as root
    layout = Layout.choose(folder, options.replicas)
    began = time.monotonic()
    with smtp_sink(layout.smtp, options.seed) as sink, running(layout) as node, _engine(layout) as engine:
        this = Run(options, layout, node, engine, say, Random(options.seed))
        load = _start(this)
        say(f"started in {time.monotonic() - began:.0f} s; logs in {folder}/logs")
        _do_faults(this, load)
        _end(this, load)
        report = _report(this, load, sink, time.monotonic() - began)
    if options.keep or report.failures:
        say(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return report


@contextmanager
def _engine(layout: Layout) -> Iterator[Engine]:
    engine = connect(layout.settings, most=5)
    try:
        yield engine
    finally:
        engine.dispose()


def _start(this: Run) -> Load:
    """The suite with its tables, a key, and one imported dataset for the reports."""
    layout, options, engine = this.layout, this.options, this.engine

    def answers() -> bool:
        with engine.connect():
            return True

    if not this.node.until(answers, START_SECONDS):
        raise RuntimeError(f"PostgreSQL did not start; see {layout.folder}/logs")
    upgrade(layout.settings.database_url)
    with engine.begin() as connection:
        _, key = create_key(connection, "default", "chaos")
    if not this.node.until(lambda: _is_ready(layout.api_url), START_SECONDS):
        raise RuntimeError(f"the API did not start; see {layout.folder}/logs")
    name = f"r{options.seed}"
    jobs = work.draw(this.random, options.jobs, name)
    # How many are made on top depends on time, so they must not take from the faults' random numbers.
    more = Random(options.seed)
    load = Load(layout.api_url, key, jobs, lambda queue, number: work.make(queue, number, name, more))
    [base] = load.release_of(DATASET, 1)
    sight = Sight(engine)
    if not this.node.until(lambda: base.id is not None and sight.state(base.id) == "succeeded", START_SECONDS):
        raise RuntimeError(f"the first import did not succeed; see {layout.folder}/logs")
    load.datasets.append(str(base.id))
    return load


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=3, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _do_faults(this: Run, load: Load) -> None:
    """In a thread of their own, one after another, while this one watches the supervisor."""
    faults = draw(this.random, this.options.wanted)
    striker = Striker(this.layout, Sight(this.engine), load, this.node, Random(this.random.random()))
    broken: list[Exception] = []

    def strike_all() -> None:
        try:
            _strike_all(this, faults, striker, load)
        except Exception as error:  # noqa: BLE001  # carried over to the main thread
            broken.append(error)

    thread = threading.Thread(target=strike_all, daemon=True)
    thread.start()
    this.node.until(lambda: not thread.is_alive(), float("inf"))
    if broken:
        raise broken[0]


def _strike_all(this: Run, faults: list[Fault], striker: Striker, load: Load) -> None:
    pending = [(fault, 1) for fault in faults]
    for number, (fault, tries) in enumerate(pending, 1):
        # The load is spread over the faults, so that the last one still meets some, but in bursts that queue up.
        due = this.options.jobs * min(-(-number // BURST) * BURST, len(faults)) // len(faults)
        load.release(max(0, due - len(load.released)))
        began = time.monotonic()
        hit = striker.strike(fault)
        if hit is None:
            this.missed.append(fault)
            if tries < TRIES:
                pending.append((fault, tries + 1))
        else:
            this.hits.append(hit)
        seen = f"({hit.process}), {len(hit.jobs)} jobs running" if hit else "was not seen running in time"
        this.say(f"{number:3} {fault.act} {fault.kind} {seen}, {time.monotonic() - began:.1f} s")
        time.sleep(this.random.uniform(*PAUSE))


def _end(this: Run, load: Load) -> None:
    """Send what is left, and wait until nothing is open or the bound is reached."""
    load.release()
    began = time.monotonic()
    open_rows = select(job_rows.c.id).where(job_rows.c.state.in_(OPEN)).limit(1)

    def quiet() -> bool:
        if load.unanswered:
            return False
        with this.engine.connect() as connection:
            return connection.execute(open_rows).one_or_none() is None

    ended = this.node.until(quiet, this.options.bound)
    load.stop()
    took = time.monotonic() - began
    this.say(f"{'quiet' if ended else 'NOT quiet'} {took:.0f} s after the last fault")


def _report(this: Run, load: Load, sink: Sink, seconds: float) -> Report:
    options = this.options
    findings = examine(this.engine, load.released, sink, this.layout.storage, this.hits)
    return Report(
        command=options.command,
        seed=options.seed,
        seconds=seconds,
        hits=this.hits,
        missed=this.missed,
        required=options.wanted.cells,
        findings=findings,
        answers=load.answers,
        accepted=sum(job.accepted_at is not None for job in load.released),
        repeated=sum(job.repeats for job in load.released),
    )
