"""Penstock's and stock Celery's application: that of `bench.worker_app`, with tasks that mark their numbers.

`python -m bench.peers.celery_app KIND COUNT` fills its queue with copies of a message of its own producer's.
"""

import os
import sys
import time

import redis
from bench.messages import Copies
from bench.peers import work
from bench.worker_app import SETUP_VARIABLE, Setup, from_environment

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


def fill() -> None:
    kind, numbers = work.numbers(sys.argv[1:])
    url, setup = os.environ[work.URL], Setup.read(os.environ[SETUP_VARIABLE])
    with redis.Redis.from_url(url) as client:
        Copies(setup, url, name_of(kind), client).fill(client, numbers)


if __name__ == "__main__":
    fill()
