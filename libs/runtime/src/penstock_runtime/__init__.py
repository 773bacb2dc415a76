"""What runs Penstock's tasks and keeps its promise: the only package that imports Celery and kombu."""
