"""Somebody's Celery application on our transport, without the ledger; what a test's worker runs.

`SHOP_CONF` has more of Celery's settings, as JSON; with `SHOP_STOCK` it stays on kombu's own transport.
"""

import json
import os
import time

import redis
from celery import Celery, Task

from penstock_runtime.transport import install

URL = os.environ["CELERY_BROKER_URL"]

app = Celery("shop", broker=URL, set_as_current=False)
app.conf.update(task_acks_late=True, broker_connection_retry_on_startup=True, task_default_queue="shop")
app.conf.update(json.loads(os.environ.get("SHOP_CONF", "{}")))
if "SHOP_STOCK" not in os.environ:
    install(app)


@app.task(name="pack", shared=False, bind=True)
def pack(self: Task, number: int, seconds: float) -> None:
    """Say that it begins and where, take so long, and say that it has ended."""
    with redis.Redis.from_url(URL) as client:
        client.hset("where", str(number), self.request.hostname)
        client.rpush("begun", number)
        time.sleep(seconds)
        client.rpush("ended", number)
