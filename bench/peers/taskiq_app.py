"""taskiq's application. `python -m bench.peers.taskiq_app` with an Order sends."""

import asyncio
import os

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


TASKS = {work.NOOP: noop, work.SLEEP: sleep, work.BURN: burn}


async def main() -> None:
    await broker.startup()
    await work.send_async(lambda kind, number: TASKS[kind].kiq(number))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
