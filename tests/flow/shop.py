"""Somebody's Celery application without the ledger; what a test's worker runs.

SETTINGS has more of Celery's, as JSON; with STOCK it stays on kombu's transport; RECORD_URL is where tasks write.
"""

import json
import os
import time

import redis
from celery import Celery, Task

from penstock_runtime.transport import install

URL = os.environ["CELERY_BROKER_URL"]

app = Celery("shop", broker=URL, set_as_current=False)
app.conf.update(
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
    task_default_queue="shop",
    **json.loads(os.environ.get("SETTINGS", "{}")),
)
if not os.environ.get("STOCK"):
    install(app)


@app.task(name="pack", shared=False, bind=True)
def pack(self: Task, number: int, seconds: float | None) -> None:
    """Say that it begins and where, take so long (None: until somebody sets `go`), and say that it has ended."""
    with redis.Redis.from_url(os.environ.get("RECORD_URL", URL)) as client:
        client.hset("where", str(number), self.request.hostname)
        client.rpush("begun", number)
        if seconds is None:
            while not client.exists("go"):
                time.sleep(0.05)
        else:
            time.sleep(seconds)
        client.rpush("ended", number)
