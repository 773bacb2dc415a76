"""rq's application. `python -m bench.peers.rq_app KIND COUNT` fills its queue."""

import os
import sys
import time

from bench.peers import work
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

marks = work.Marks.of_environment()

REDIS_URL = os.environ[work.URL]
"""What `rq worker --config` reads."""


def noop(number: int) -> None:
    marks.add(number)


def sleep(number: int) -> None:
    time.sleep(work.SLEEP_SECONDS)
    marks.add(number)


def burn(number: int) -> None:
    work.burn()
    marks.add(number)


PIECE = 1000
"""Jobs in one `enqueue_many`."""


def fill() -> None:
    kind, numbers = work.numbers(sys.argv[1:])
    with Redis.from_url(REDIS_URL) as client:
        queue = Queue(work.QUEUE, connection=client, serializer=JSONSerializer)
        # A result_ttl of 0 deletes a job once it is done.
        jobs = [Queue.prepare_data(f"bench.peers.rq_app.{kind}", args=(number,), result_ttl=0) for number in numbers]
        for begin in range(0, len(jobs), PIECE):
            queue.enqueue_many(jobs[begin : begin + PIECE])


if __name__ == "__main__":
    fill()
