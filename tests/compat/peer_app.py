"""A Celery app that any version of Celery can run, on its own transport or on ours: it notes which tasks ran.

Run by the Python of each version's environment; only what `PEER_OURS` asks for comes from Penstock.
"""

import json
import os
import sys
import time

import redis
from celery import Celery
from kombu import Exchange, Queue

URL, QUEUE = os.environ["PEER_URL"], os.environ["PEER_QUEUE"]
RAN = "ran"
"""Key of the hash that counts the runs of each task."""

app = Celery("peer", broker=URL)
app.conf.update(
    broker_transport_options=json.loads(os.environ["PEER_OPTIONS"]),
    task_queues=[Queue(QUEUE, Exchange(QUEUE, type="direct"), routing_key=QUEUE)],
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)
if os.environ["PEER_OURS"]:
    from penstock_runtime.transport import install

    install(app)


@app.task(name="peer.note")
def note(name: str, seconds: float = 0.0) -> None:
    time.sleep(seconds)
    redis.Redis.from_url(URL).hincrby(RAN, name, 1)


if __name__ == "__main__":
    what, prefix, count, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    if what == "send":
        for number in range(count):
            note.apply_async((f"{prefix}{number}", seconds), priority=(None, 0, 5)[number % 3])
    else:
        answers = app.control.ping(timeout=5, limit=1)
        sys.exit(len(answers) != 1)
