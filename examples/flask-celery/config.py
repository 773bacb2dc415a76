"""Settings, all from the environment."""

import os

SECRET_KEY = os.environ.get("SECRET_KEY", "development")
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000")

SMTP_HOST = os.environ.get("SMTP_HOST", "127.0.0.1")
SMTP_PORT = int(os.environ.get("SMTP_PORT", "25"))
SMTP_USERNAME = os.environ.get("SMTP_USERNAME", "")
SMTP_PASSWORD = os.environ.get("SMTP_PASSWORD", "")
MAIL_FROM = os.environ.get("MAIL_FROM", "Shop <no-reply@localhost>")

CELERY = {
    "broker_url": os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"),
    "broker_connection_retry_on_startup": True,
    "task_ignore_result": True,
    # Named one by one: autodiscover_tasks(["tasks"]) looks for a module tasks.tasks, and would not find this one.
    "imports": ["tasks.mail_tasks"],
    "task_routes": {"tasks.mail_tasks.*": {"queue": "mail"}},
}
