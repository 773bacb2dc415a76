"""saq's application. `python -m bench.peers.saq_app` with an Order sends."""

import asyncio
import os
from typing import Any

from bench.peers import work
from saq import Queue

marks = work.Marks.of_environment()
queue = Queue.from_url(work.url(), name=work.QUEUE)


async def noop(context: dict[str, Any], *, number: int) -> None:
    marks.add(number)


async def sleep(context: dict[str, Any], *, number: int) -> None:
    await asyncio.sleep(work.SLEEP_SECONDS)
    marks.add(number)


async def burn(context: dict[str, Any], *, number: int) -> None:
    work.burn()
    marks.add(number)


settings = {
    "queue": queue,
    "functions": [noop, sleep, burn],
    "concurrency": int(os.environ.get(work.CONCURRENCY, "10")),
}


async def enqueue(kind: str, number: int) -> None:
    # "The maximum time in seconds to store information about a job including results": below 0 nothing is kept.
    await queue.enqueue(kind, number=number, ttl=-1)


async def main() -> None:
    await queue.connect()
    await work.send_async(enqueue)
    await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
