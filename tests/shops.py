"""Workers of somebody's Celery application, `flow/shop.py`, on our transport or on stock's."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery
from processes import Running, celery

SHOP = Path(__file__).parent / "flow"

Start = Callable[..., Running]


@contextmanager
def workers(broker_url: str, folder: Path, *, record: str = "", **options: Any) -> Iterator[Start]:
    """Start workers: `start("gevent", "--without-gossip", concurrency=2, worker_…=…)`. They are killed at the end.

    record: URL of the Redis in which tasks say `begun` and `ended` (default: the broker). options: of the transport.
    """
    started: list[Running] = []

    def start(
        pool: str, *more: str, concurrency: int = 1, url: str = broker_url, stock: bool = False, **settings: Any
    ) -> Running:
        number = len(started)
        arguments = ["-A", "shop", "worker", "-P", pool, "-c", str(concurrency), "-Q", "shop", "--loglevel", "INFO"]
        environment = {
            "CELERY_BROKER_URL": url,
            "RECORD_URL": record or broker_url,
            "SETTINGS": json.dumps({"broker_transport_options": options} | settings),
            "STOCK": "yes" if stock else "",
            "PATH": os.environ["PATH"],
        }
        log = folder / f"{number}.log"
        arguments += ["-n", f"{number}@here", *more]
        started.append(celery(*arguments, environment=environment, log=log, until=" ready.", cwd=SHOP))
        return started[-1]

    try:
        yield start
    finally:
        for running in started:
            if running.process.is_running():
                running.kill()


@contextmanager
def stock_client(broker_url: str) -> Iterator[Callable[[int, float | None], None]]:
    """Send tasks as a stock Celery client does: `send(number, seconds)`; with None for `seconds`, until `go` is set."""
    with Celery(broker=broker_url, set_as_current=False) as client:
        client.conf.broker_transport = "kombu.transport.redis:Transport"
        yield lambda number, seconds: client.send_task("pack", (number, seconds), queue="shop")


def numbers(record: Any, name: str) -> list[int]:
    """What the tasks have said, `begun` or `ended`."""
    return [int(number) for number in record.lrange(name, 0, -1)]
