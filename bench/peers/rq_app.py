"""rq's application. `python -m bench.peers.rq_app` with an Order sends."""

import os
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


def main() -> None:
    with Redis.from_url(REDIS_URL) as client:
        queue = Queue(work.QUEUE, connection=client, serializer=JSONSerializer)
        # A result_ttl of 0 deletes a job once it is done.
        work.send(lambda kind, number: queue.enqueue(f"bench.peers.rq_app.{kind}", number, result_ttl=0))


if __name__ == "__main__":
    main()
