"""The scheduler's process: `penstock-celery -A penstock_scheduler.app beat`."""

from penstock_runtime.broker import make_app
from penstock_scheduler.entries import ENTRIES

celery = make_app(schedule=ENTRIES)
