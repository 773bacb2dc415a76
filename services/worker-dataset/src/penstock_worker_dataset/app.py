"""Entry of the worker process: `penstock-celery -A penstock_worker_dataset.app worker -Q dataset`."""

from penstock_runtime.broker import make_app
from penstock_worker_dataset.tasks import served

celery = make_app(served())
