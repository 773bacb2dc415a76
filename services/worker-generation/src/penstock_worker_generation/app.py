"""The process: `penstock-celery -A penstock_worker_generation.app worker -P prefork -c 1 -Q generation`."""

from penstock_runtime.broker import make_app
from penstock_worker_generation.tasks import served

celery = make_app(served())
