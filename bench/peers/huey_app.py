"""huey's application, under gevent. `python -m bench.peers.huey_app KIND COUNT` fills its queue."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402  # huey's documentation patches before everything else
import time  # noqa: E402

from bench.peers import work  # noqa: E402
from huey import RedisHuey  # noqa: E402

marks = work.Marks.of_environment()

# Nobody reads results: `results` in "Huey object" of its documentation. "Ensure that your connection pool is large
# enough for each greenlet": "Worker types" in docs/consumer.rst.
huey = RedisHuey(work.QUEUE, url=work.url(), results=False)


@huey.task(name=work.NOOP)
def noop(number: int) -> None:
    marks.add(number)


@huey.task(name=work.SLEEP)
def sleep(number: int) -> None:
    time.sleep(work.SLEEP_SECONDS)
    marks.add(number)


@huey.task(name=work.BURN)
def burn(number: int) -> None:
    work.burn()
    marks.add(number)


def fill() -> None:
    kind, numbers = work.numbers(sys.argv[1:])
    task = {work.NOOP: noop, work.SLEEP: sleep, work.BURN: burn}[kind]
    for number in numbers:
        task(number)


if __name__ == "__main__":
    # Once more by its name: huey calls a task after its module, which here is __main__, and for the worker is not.
    from bench.peers import huey_app

    huey_app.fill()
