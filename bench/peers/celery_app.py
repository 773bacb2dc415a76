"""Penstock's and stock Celery's application: that of `bench.worker_app`, with tasks that mark their numbers.

`python -m bench.peers.celery_app` with an Order sends, by `.delay()`.
"""

import time

from bench.peers import work
from bench.worker_app import from_environment

app = from_environment()
marks = work.Marks.of_environment()


def name_of(kind: str) -> str:
    """The task's, for Celery."""
    return f"bench.peers.{kind}"


@app.task(name=name_of(work.NOOP))
def noop(number: int) -> None:
    marks.add(number)


@app.task(name=name_of(work.SLEEP))
def sleep(number: int) -> None:
    time.sleep(work.SLEEP_SECONDS)
    marks.add(number)


@app.task(name=name_of(work.BURN))
def burn(number: int) -> None:
    work.burn()
    marks.add(number)


TASKS = {work.NOOP: noop, work.SLEEP: sleep, work.BURN: burn}

if __name__ == "__main__":
    work.send(lambda kind, number: TASKS[kind].delay(number))
