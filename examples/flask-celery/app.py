"""`gunicorn app:app` serves it, and `celery -A app.celery worker` works for it."""

from app_factory import create_app

app = create_app()
celery = app.extensions["celery"]
