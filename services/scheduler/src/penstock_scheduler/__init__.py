"""Celery beat with Penstock's schedule and the relay."""
