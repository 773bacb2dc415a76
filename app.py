"""The whole suite as one Celery app, for the single worker that Penstock replaces.

celery -A app.celery worker -P gevent -c 1 --loglevel INFO -Q dataset,generation,mail,ops_trace
celery -A app.celery beat --loglevel INFO
"""

from penstock_runtime.broker import make_app
from penstock_scheduler.entries import ENTRIES
from penstock_worker_dataset import tasks as dataset
from penstock_worker_generation import tasks as generation
from penstock_worker_mail import tasks as mail
from penstock_worker_opstrace import tasks as ops_trace

celery = make_app([*dataset.served(), *generation.served(), *mail.served(), *ops_trace.served()], schedule=ENTRIES)
