"""Somebody else's Celery application, as tutorials write them. Celery reads CELERY_BROKER_URL by itself."""

import time

from celery import Celery

app = Celery("shop")
app.conf.task_routes = {"shop.thumbnail": {"queue": "thumbnails"}, "shop.export": {"queue": "exports"}}
app.conf.task_ignore_result = True


@app.task
def thumbnail(name: str, seconds: float) -> None:
    """Work for so many seconds, then say so."""
    time.sleep(seconds)
    _done(f"thumbnail {name}")


@app.task
def export(name: str, seconds: float) -> None:
    """The same, on the other queue."""
    time.sleep(seconds)
    _done(f"export {name}")


def _done(what: str) -> None:
    with app.connection_for_write() as connection:
        connection.default_channel.client.rpush("shop:done", what)
