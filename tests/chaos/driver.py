"""One run: the suite is started, loaded and hit; when it is quiet, what was promised is compared with what there is."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos import work
from chaos.bare import CeleryApp
from chaos.faults import Hit, Striker
from chaos.load import Load
from chaos.network import Ways, ways
from chaos.node import Node, running
from chaos.plan import Fault, Wanted, draw
from chaos.report import Report
from chaos.screen import Screen
from chaos.subject import Subject, penstock
from chaos.suite import Layout
from own_rabbitmq import OwnRabbit, own_rabbitmq
from sqlalchemy import Engine

from penstock_cli.local.ports import free_port
from penstock_runtime.database import LOST, connect

PAUSE = (0.1, 0.8)
"""Seconds between the end of one fault and the next."""

BURST = 2
"""Faults that share a portion of the load, which is released before the first of them."""

TRIES = 3
"""How often a fault is tried whose state was not seen in time."""


@dataclass(frozen=True)
class Options:
    """What to run. `quiet_within`: seconds after the last fault in which every job must end; `within`: for all faults.

    command: what runs it again.
    """

    wanted: Wanted
    seed: int
    quiet_within: float
    within: float
    command: str = ""
    keep: bool = False


@dataclass
class Run:
    """One run under way. `random`: for what is drawn in the order of the plan, whatever time it takes."""

    options: Options
    faults: list[Fault]
    layout: Layout
    node: Node
    ways: Ways
    subject: Subject
    screen: Screen
    random: Random
    rabbitmq: OwnRabbit | None = None
    hits: list[Hit] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)
    ended: int = 0


def run(options: Options, screen: Screen) -> Report:
    """Do it all. For the main thread. Raises RuntimeError where the suite does not even start."""
    random, wanted, name = Random(options.seed), options.wanted, f"r{options.seed}"
    jobs = work.draw(random, wanted.jobs, name, wanted.queues)
    faults = draw(random, wanted)
    # How many are made on top depends on time, so they must not take from the faults' random numbers.
    more = Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="penstock-chaos-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when this runs as root
    began = time.monotonic()
    with ExitStack() as stack:
        rabbitmq = stack.enter_context(own_rabbitmq()) if wanted.rabbitmq else None
        public = free_port()
        url = rabbitmq.url.replace(f":{rabbitmq.port}/", f":{public}/") if rabbitmq else ""
        layout = Layout.choose(folder, wanted.replicas, wanted.pool, wanted.bare, url)
        servers = [(rabbitmq.port, public)] if rabbitmq else [(node.port, node.public) for node in layout.redis]
        to_broker = stack.enter_context(ways(servers))
        node = stack.enter_context(running(layout))
        engine = stack.enter_context(_engine(layout))
        subject = stack.enter_context(
            nullcontext(CeleryApp(layout, engine)) if wanted.bare else penstock(layout, engine, options.seed)
        )
        this = Run(options, faults, layout, node, to_broker, subject, screen, random, rabbitmq)
        load = subject.start(node, jobs, lambda queue, number: work.make(queue, number, name, more))
        screen.say(f"started; logs in {folder}/logs")
        _do_faults(this, load)
        _end(this, load)
        report = _report(this, load, time.monotonic() - began)
    if options.keep or report.failures:
        screen.say(f"kept: {folder}")
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


def _do_faults(this: Run, load: Load) -> None:
    """In a thread of their own, one after another, while this one watches the supervisor."""
    random = Random(this.random.random())
    striker = Striker(this.layout, this.subject.sight, load, this.ways, this.node, random, this.rabbitmq)
    broken: list[Exception] = []

    def strike_all() -> None:
        try:
            _strike_all(this, striker, load)
        except Exception as error:  # noqa: BLE001  # carried over to the main thread
            broken.append(error)

    thread = threading.Thread(target=strike_all, daemon=True)
    thread.start()
    this.node.until(lambda: not thread.is_alive(), float("inf"))
    if broken:
        raise broken[0]


def _strike_all(this: Run, striker: Striker, load: Load) -> None:
    options = this.options
    pending = [(fault, 1) for fault in this.faults]
    deadline = time.monotonic() + options.within
    for number, (fault, tries) in enumerate(pending, 1):
        if time.monotonic() > deadline:
            this.screen.say(f"no more faults: {options.within:.0f} s are over")
            return
        # The load is spread over the faults, so that the last one still meets some, but in bursts that queue up.
        due = options.wanted.jobs * min(-(-number // BURST) * BURST, len(this.faults)) // len(this.faults)
        load.release(max(0, due - len(load.released)))
        began = time.monotonic()
        hit = striker.strike(fault)
        if hit:
            this.hits.append(hit)
        else:
            this.missed.append(fault)
            if tries < TRIES:
                pending.append((fault, tries + 1))
        this.screen.faults(number, len(pending))
        _tell(this, f"{number:3}/{len(pending)} {_seen(fault, hit)}, {time.monotonic() - began:.1f} s", load)
        time.sleep(this.random.uniform(*PAUSE))


def _seen(fault: Fault, hit: Hit | None) -> str:
    if hit is None:
        return f"{fault.act} {fault.kind} was not seen running in time, and is put off"
    return f"{fault.act} {fault.kind} ({hit.process}), {len(hit.jobs)} jobs running"


def _tell(this: Run, line: str, load: Load) -> None:
    with suppress(*LOST):  # then the next line tells
        this.ended = this.subject.sight.ended()
    this.screen.jobs(this.ended, len(load.released))
    this.screen.say(f"{line}; {this.ended} of {len(load.released)} jobs ended")


def _end(this: Run, load: Load) -> None:
    """Send what is left, and wait until nothing is open or the bound is reached."""
    load.release()
    began = time.monotonic()

    def quiet() -> bool:
        this.screen.jobs(this.subject.sight.ended(), len(load.released))
        return not load.unanswered and not this.subject.sight.open()

    ended = this.node.until(quiet, this.options.quiet_within, every=0.2)
    load.stop()
    took = time.monotonic() - began
    this.screen.say(f"{'quiet' if ended else 'NOT quiet'} {took:.0f} s after the last fault")


def _report(this: Run, load: Load, seconds: float) -> Report:
    options = this.options
    return Report(
        command=options.command,
        seed=options.seed,
        seconds=seconds,
        hits=this.hits,
        missed=this.missed,
        wanted=options.wanted,
        findings=this.subject.examine(load.released, this.hits),
        answers=load.answers,
        accepted=sum(job.accepted_at is not None for job in load.released),
        repeated=sum(job.repeats for job in load.released),
    )
