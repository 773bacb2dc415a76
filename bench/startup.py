"""What each process takes to start, and what its imports are of that; beside a Celery worker and a Flask view alone."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psutil
from bench.progress import steps
from bench.pss import MIB, own, pss
from bench.running import ROOT, Ground, answers, cpu_seconds
from bench.stock_search import BASE
from bench.whole_suite import Suite
from bench.worker_app import SETUP_VARIABLE, URL_VARIABLE
from bench.worker_run import EVERY, running

from penstock_cli.local.ports import HOST, free_port
from penstock_cli.local.processes import ProcessError, Program

LONGEST = 60.0
"""Seconds to get ready."""

HEAVIEST = 6
"""Packages that are shown of each process."""


@dataclass
class Started:
    """Of each round: seconds until it was ready, CPU time until then, and MiB of PSS and USS then, children included.

    imports: milliseconds by package, without what each one imports in its turn, of importing the application.
    """

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    pss_mib: list[float] = field(default_factory=list)
    own_mib: list[float] = field(default_factory=list)
    imports: dict[str, float] = field(default_factory=dict)


@dataclass
class Result:
    """By process: the suite's first, then the peers."""

    rounds: int
    started: dict[str, Started] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """None: what does not get ready is an error at once."""
        return []


def measure(ground: Ground, rounds: int, say: Callable[[str], None]) -> Result:
    """One process at a time, round by round. Raises ProcessError where one does not get ready."""
    result, programs = Result(rounds), _programs(ground)
    with steps("startup", len(programs) * (rounds + 1)) as begin:
        for program in programs:
            begin(f"{program.name}, imports")
            result.started[program.name] = Started(imports=imports(program))
        for turn in range(rounds):
            for program in programs:
                begin(f"{program.name}, round {turn + 1} of {rounds}")
                _start(ground, program, result.started[program.name])
                say(f"{program.name}: ready after {result.started[program.name].seconds[-1]:.2f} s")
    return result


def _programs(ground: Ground) -> list[Program]:
    suite = Suite.of(ground, free_port())
    return [*suite.programs, *(_worker(ground, pool) for pool in ("gevent", "prefork")), _flask()]


def _worker(ground: Ground, pool: str) -> Program:
    setup = replace(BASE, pool=pool, concurrency=1 if pool == "prefork" else 100, loglevel="INFO")
    return Program(
        f"Celery alone, {pool}",
        "works",
        setup.command("bench.worker_app"),
        lambda said: b" ready." in said,
        environment={SETUP_VARIABLE: setup.text, URL_VARIABLE: ground.redis_url, "PYTHONPATH": str(ROOT)},
    )


def _flask() -> Program:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", f"{HOST}:{port}", "bench.flask_alone:app"]
    ready = f"http://{HOST}:{port}/healthz"
    alone = "Flask alone, gunicorn"
    return Program(alone, "answers", command, lambda said: answers(ready), environment={"PYTHONPATH": str(ROOT)})


def _start(ground: Ground, program: Program, started: Started) -> None:
    began = time.perf_counter()
    with running(program, ground.folder) as child:
        while not child.is_ready():
            if child.has_ended() or time.perf_counter() > began + LONGEST:
                raise ProcessError(child.obituary())
            time.sleep(EVERY)
        process = psutil.Process(child.pid)
        started.seconds.append(time.perf_counter() - began)
        started.cpu.append(cpu_seconds(process))
        started.pss_mib.append(pss(process.pid) / MIB)
        started.own_mib.append(own(process) / MIB)


def imports(program: Program) -> dict[str, float]:
    """Milliseconds by package, the heaviest first. Raises CalledProcessError for what cannot be imported."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {application(program.command)}"],
        env={**os.environ, **program.environment},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    spent: Counter[str] = Counter()
    for line in said.splitlines():
        head, *rest = line.split("|")
        if head.startswith("import time:") and len(rest) == 2 and (own_us := head.split(":")[1].strip()).isdigit():
            spent[rest[1].strip().partition(".")[0]] += int(own_us)
    return {package: microseconds / 1000 for package, microseconds in spent.most_common()}


def application(command: list[str]) -> str:
    """The module that a command of Celery's or gunicorn's has for its application."""
    if "-A" in command:
        return command[command.index("-A") + 1]
    last = command[-1].partition(":")[0]
    return "penstock_api.wsgi" if last == "python" else last
