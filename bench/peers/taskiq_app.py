"""taskiq's application. `python -m bench.peers.taskiq_app KIND COUNT` fills its queue."""

import asyncio
import os
import sys

from bench.peers import work
from taskiq_redis import RedisStreamBroker

marks = work.Marks.of_environment()

GROUP = "taskiq"

# Of its brokers for Redis the one that acknowledges. A group that begins at 0 reads what was there before the worker.
broker = RedisStreamBroker(os.environ[work.URL], queue_name=work.QUEUE, consumer_group_name=GROUP, consumer_id="0")


@broker.task(task_name=work.NOOP)
async def noop(number: int) -> None:
    marks.add(number)


@broker.task(task_name=work.SLEEP)
async def sleep(number: int) -> None:
    await asyncio.sleep(work.SLEEP_SECONDS)
    marks.add(number)


@broker.task(task_name=work.BURN)
async def burn(number: int) -> None:
    work.burn()
    marks.add(number)


async def fill() -> None:
    kind, numbers = work.numbers(sys.argv[1:])
    await broker.startup()
    task = {work.NOOP: noop, work.SLEEP: sleep, work.BURN: burn}[kind]
    for number in numbers:
        await task.kiq(number)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(fill())
