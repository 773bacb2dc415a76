"""huey's application, under gevent. `python -m bench.peers.huey_app` with an Order sends."""

from gevent import monkey

monkey.patch_all()

import time  # noqa: E402  # huey's documentation patches before everything else

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


TASKS = {work.NOOP: noop, work.SLEEP: sleep, work.BURN: burn}

if __name__ == "__main__":
    # Once more by its name: huey calls a task after its module, which here is __main__, and for the worker is not.
    from bench.peers import huey_app

    work.send(lambda kind, number: huey_app.TASKS[kind](number))
