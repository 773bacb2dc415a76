"""A small Celery application of somebody's: tasks that do nothing, acknowledged late, without Penstock's ledger.

`celery -A bench.worker_app worker` reads from BENCH_WORKER how it is set up (`Setup` as JSON). It counts what it has
done, and writes that to Redis when it ends, so that nobody is counted for work that was not done.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import redis
from celery import Celery
from celery.signals import worker_shutdown

QUEUE = "bench"
TALLY = "bench-tally"
"""The list of what each worker has done."""

STOCK, OURS = "stock", "penstock"

CELERYS, PENSTOCKS = "celery", "penstock_runtime.celery_command"
"""The modules of the commands that start a worker: of stock Celery's, and of Penstock's services."""

SETUP_VARIABLE, URL_VARIABLE = "BENCH_WORKER", "CELERY_BROKER_URL"


@dataclass(frozen=True)
class Setup:
    """Whose transport, and with which settings, in which of Celery's pools. A prefetch of 0 has no bound.

    program: the module of the command. flags: of its `worker`. conf: Celery's settings. options:
    `broker_transport_options`.
    """

    transport: str
    concurrency: int = 100
    prefetch: int = 4
    flags: tuple[str, ...] = ()
    conf: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    loglevel: str = "WARNING"
    environment: dict[str, str] = field(default_factory=dict)
    pool: str = "gevent"
    program: str = CELERYS

    @classmethod
    def read(cls, text: str) -> "Setup":
        """From JSON."""
        given = json.loads(text)
        return cls(**given | {"flags": tuple(given["flags"])})

    @property
    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    def command(self, app: str) -> list[str]:
        """What starts a worker of that application."""
        return [sys.executable, "-m", self.program, "-A", app, *self.arguments]

    @property
    def arguments(self) -> list[str]:
        """Of the command, behind the application's name."""
        sizes = ["-c", str(self.concurrency), "--prefetch-multiplier", str(self.prefetch)]
        return ["worker", "-P", self.pool, *sizes, "-Q", QUEUE, "--loglevel", self.loglevel, *self.flags]

    @property
    def unacked(self) -> str:
        """The hash of what is in flight."""
        return f"unacked:{QUEUE}" if self.transport == OURS else "unacked"


@dataclass
class Tally:
    """What a worker has done: how many tasks, the sum of their numbers, and how long each stamped one had waited."""

    count: int = 0
    total: int = 0
    waited: list[float] = field(default_factory=list)


def make_app(setup: Setup, url: str, tally: Tally) -> Celery:
    """The application so set up; its tasks count in `tally`."""
    app = Celery("bench", broker=url, set_as_current=False)
    app.conf.update(task_default_queue=QUEUE, task_acks_late=True, broker_connection_retry_on_startup=True)
    app.conf.update(setup.conf)
    app.conf.broker_transport_options = dict(setup.options)
    if setup.transport == OURS:
        # Here, because the stock worker shall be as if there were no Penstock.
        from penstock_runtime.transport import install

        install(app)

    @app.task(name="bench.noop", shared=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def noop(number: int, padding: str = "") -> None:
        tally.count += 1
        tally.total += number

    @app.task(name="bench.stamp", shared=False)  # type: ignore[untyped-decorator]
    def stamp(pushed_at: float) -> None:
        tally.waited.append(time.time() - pushed_at)

    return app


def from_environment() -> Celery:
    """The application that BENCH_WORKER describes, which tells at its end what it has done."""
    url, tally = os.environ[URL_VARIABLE], Tally()

    @worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
    def tell(**_: Any) -> None:
        with redis.Redis.from_url(url) as client:
            client.rpush(TALLY, json.dumps(asdict(tally)))

    return make_app(Setup.read(os.environ[SETUP_VARIABLE]), url, tally)


if SETUP_VARIABLE in os.environ:
    app = from_environment()
