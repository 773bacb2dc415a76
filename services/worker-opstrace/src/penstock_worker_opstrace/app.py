"""Entry of the worker process: `penstock-celery -A penstock_worker_opstrace.app worker -Q ops_trace`."""

from penstock_runtime.broker import make_app
from penstock_worker_opstrace.tasks import served

celery = make_app(served())
