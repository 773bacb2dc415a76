"""arq's application. `python -m bench.peers.arq_app` with an Order sends."""

import asyncio
import os
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from bench.peers import work

marks = work.Marks.of_environment()
settings = RedisSettings.from_dsn(os.environ[work.URL])
settings.max_connections = work.CONNECTIONS


async def noop(context: dict[str, Any], number: int) -> None:
    marks.add(number)


async def sleep(context: dict[str, Any], number: int) -> None:
    await asyncio.sleep(work.SLEEP_SECONDS)
    marks.add(number)


async def burn(context: dict[str, Any], number: int) -> None:
    work.burn()
    marks.add(number)


LOGGING = {"version": 1, "root": {"level": "WARNING"}}
"""As the other peers: without two lines for each job, which arq writes by default."""


class WorkerSettings:
    """What `arq` reads. The names are arq's, and `Worker`'s docstring describes them."""

    functions = (noop, sleep, burn)
    redis_settings = settings
    max_jobs = int(os.environ.get(work.CONCURRENCY, "10"))
    # "Duration between polling the queue for new jobs", half a second by default: a worker with short jobs waits for
    # the next look most of the time.
    poll_delay = 0.01
    # Nobody reads results; 0 keeps none.
    keep_result = 0
    log_results = False


async def main() -> None:
    pool = await create_pool(settings)
    await work.send_async(pool.enqueue_job)
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(main())
