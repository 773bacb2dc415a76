"""Somebody's Celery application without the ledger; what a test's worker runs."""

import json
import os
import time

import redis
from celery import Celery, Task

from penstock_runtime.transport import install

app = Celery("shop", broker=os.environ["CELERY_BROKER_URL"], set_as_current=False)
app.conf.update(
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
    task_default_queue="shop",
    **json.loads(os.environ["SETTINGS"]),
)
if not os.environ["STOCK"]:
    install(app)


@app.task(name="pack", shared=False, bind=True)
def pack(self: Task, number: int, seconds: float | None) -> None:
    """Say that it begins and where, take so long (None: until somebody sets `go`), and say that it has ended."""
    with redis.Redis.from_url(os.environ["RECORD_URL"]) as client:
        client.hset("where", str(number), self.request.hostname)
        client.rpush("begun", number)
        if seconds is None:
            while not client.exists("go"):
                time.sleep(0.05)
        else:
            time.sleep(seconds)
        client.rpush("ended", number)
