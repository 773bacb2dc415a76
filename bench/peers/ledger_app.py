"""A worker of Penstock's with its ledger, as its services are: each task is a row in PostgreSQL before it is a message.

`python -m bench.peers.ledger_app` with an Order accepts jobs one by one, as the API does, and publishes them; with
BENCH_TOGETHER it accepts so many in one statement.
"""

import os
import time
from collections.abc import Callable

from bench.peers import work
from bench.peers.contestant import TOGETHER

from penstock_contracts.queues import OPS_TRACE
from penstock_contracts.task import Contract, Task
from penstock_runtime.broker import make_app
from penstock_runtime.job import Job
from penstock_runtime.ledger.accept import NewJob
from penstock_runtime.settings import RuntimeSettings, load
from penstock_runtime.submit import Submitter
from penstock_runtime.worker import Served, serve

marks = work.Marks.of_environment()


class Number(Contract):
    number: int


class Nothing(Contract):
    pass


def served(kind: str, act: Callable[[], None]) -> Served[Number, Nothing]:
    """A task of a kind, which does this and marks its number."""

    def run(payload: Number, job: Job) -> Nothing:
        act()
        marks.add(payload.number)
        return Nothing()

    return serve(Task(f"{OPS_TRACE.name}.bench_{kind}", OPS_TRACE, Number, Nothing), run)


SERVED = {
    work.NOOP: served(work.NOOP, lambda: None),
    work.SLEEP: served(work.SLEEP, lambda: time.sleep(work.SLEEP_SECONDS)),
    work.BURN: served(work.BURN, work.burn),
}

app = make_app(SERVED.values())


def main() -> None:
    submitter, together = Submitter(load(RuntimeSettings)), int(os.environ.get(TOGETHER, "1"))
    waiting: list[NewJob] = []

    def submit(kind: str, number: int) -> None:
        message = SERVED[kind].task.message(Number(number=number))
        if together == 1:
            submitter.submit(message, tenant="default")
            return
        waiting.append(NewJob(message, "default"))
        if len(waiting) == together:
            submitter.submit_all(waiting)
            waiting.clear()

    work.send(submit)
    if waiting:
        submitter.submit_all(waiting)
    submitter.close()


if __name__ == "__main__":
    main()
