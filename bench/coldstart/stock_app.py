"""The stock worker's application, mounted into its pod: a task that notes in Redis when it began and ended."""

import os
from functools import cache
from typing import Any

import redis
from celery import Celery

app = Celery("stock", broker=os.environ.get("CELERY_BROKER_URL"))
app.conf.task_acks_late = True
app.conf.task_ignore_result = True


@cache
def _client() -> Any:
    return redis.Redis.from_url(os.environ["CELERY_BROKER_URL"])


@app.task
def note(mark: str) -> None:
    """One line, with two readings of Redis's clock in seconds."""
    began = _now()
    _client().rpush("ran", f"{mark} {began:.6f} {_now():.6f}")


def _now() -> float:
    seconds, microseconds = _client().time()
    return float(seconds + microseconds / 1e6)
