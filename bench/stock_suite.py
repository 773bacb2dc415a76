"""The whole suite as one Celery app, for the single worker, over stock Celery's own Redis transport.

Tasks, ledger and queues are Penstock's. What Penstock changes of Celery for its transport has Celery's own values;
acknowledging late stays, since the ledger's promise rests on it.
"""

from celery.app.defaults import DEFAULTS
from kombu.transport import TRANSPORT_ALIASES

STOCK = dict(TRANSPORT_ALIASES)

from app import celery  # noqa: E402  # it installs Penstock's transport

TRANSPORT_ALIASES |= STOCK
celery.conf.update(
    {
        name: DEFAULTS[name]
        for name in ("worker_consumer", "worker_prefetch_multiplier", "worker_enable_prefetch_count_reduction")
    }
)
