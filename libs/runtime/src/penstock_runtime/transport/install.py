"""The one call that moves a Celery application onto this transport."""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES

STOCK_AMQP = "celery.app.amqp:AMQP"
AMQP = "penstock_runtime.transport.sending:Amqp"

STOCK_CONSUMER = "celery.worker.consumer:Consumer"
CONSUMER = "penstock_runtime.transport.consumer:Consumer"

STOCK_MULTIPLIER = 4
"""Celery's default, of which nothing tells whether the application asked for it."""

SCHEMES = {"redis": "Transport", "rediss": "Transport", "sentinel": "SentinelTransport"}


def install(app: Any = None) -> None:
    """Have redis://, rediss:// and sentinel:// mean this transport in this process, and `app`'s workers fit it.

    Call it before the first connection. A worker takes as many messages as its pool has free slots, so the prefetch
    multiplier becomes 1 where the application left Celery's own. What runs counts also after a lost connection, so that
    Celery's reduction of the prefetch count by it is off.
    """
    for scheme, name in SCHEMES.items():
        TRANSPORT_ALIASES[scheme] = f"penstock_runtime.transport:{name}"
    if app is None:
        return
    if app.amqp_cls == STOCK_AMQP:
        app.amqp_cls = AMQP
    if app.conf.worker_consumer == STOCK_CONSUMER:
        app.conf.worker_consumer = CONSUMER
    if app.conf.worker_prefetch_multiplier == STOCK_MULTIPLIER:
        app.conf.worker_prefetch_multiplier = 1
    app.conf.worker_enable_prefetch_count_reduction = False
