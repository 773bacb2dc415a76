"""The process: `penstock-celery -A penstock_worker_mail.app worker -P gevent -c 50 -Q mail`."""

from penstock_runtime.broker import make_app
from penstock_worker_mail.tasks import served

celery = make_app(served())
