"""An ordinary Celery application, on our transport or on Celery's own: no ledger stands behind it.

Run by `celery -A chaos.shop worker`. Both have the same settings, the safest ones that Celery's documents name.
"""

import os
import time
from typing import Any

import psycopg
from celery import Celery
from chaos.plan import Bare
from chaos.redis_nodes import GROUP

from penstock_runtime.transport import install

TRANSPORTS = {
    Bare.STOCK: "kombu.transport.redis:SentinelTransport",
    Bare.OURS: "penstock_runtime.transport:SentinelTransport",
}
QUEUE = "shop"
TASK = "shop.pack"
OPTIONS: dict[str, Any] = {
    "master_name": GROUP,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 15,
}


def application(url: str, transport: Bare) -> Celery:
    """A worker's, or its client's."""
    made = Celery("shop", broker=url, set_as_current=False)
    made.conf.update(
        broker_transport_options=OPTIONS,
        broker_connection_retry_on_startup=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
    )
    if transport is Bare.OURS:
        install(made)
    made.conf.broker_transport = TRANSPORTS[transport]
    return made


app = application(os.environ.get("CELERY_BROKER_URL", ""), Bare(os.environ.get("CHAOS_TRANSPORT", Bare.STOCK)))


@app.task(name=TASK, shared=False)
def pack(key: str, seconds: float) -> None:
    """Write down that it begins, take so long, and write down its effect with its end.

    The effect is a row by key, so that a second run leaves none; each run has a row of its own.
    """
    with psycopg.connect(os.environ["CHAOS_DATABASE_URL"]) as connection:
        begun = "INSERT INTO runs (key, worker, pid) VALUES (%s, %s, %s) RETURNING id"
        row = connection.execute(begun, (key, os.environ["CHAOS_WORKER"], os.getpid())).fetchone()
        connection.commit()
        time.sleep(seconds)
        connection.execute("UPDATE runs SET ended_at = clock_timestamp() WHERE id = %s", row)
        connection.execute("INSERT INTO effects (key) VALUES (%s) ON CONFLICT DO NOTHING", (key,))
