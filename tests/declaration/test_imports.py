"""A process imports what it uses: each module more is time until it is ready, and memory for as long as it runs."""

import os
import subprocess
import sys

import pytest

from penstock_contracts.queues import QUEUES

SETTINGS = {
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "PENSTOCK_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
    "PENSTOCK_STORAGE_URL": "file:///tmp/nothing",
    "PENSTOCK_SECRET_KEY": "a key that only this test knows",
}
APPLICATIONS = ["penstock_api.wsgi", "penstock_scheduler.app"]
APPLICATIONS += [f"penstock_{queue.service.replace('-', '_')}.app" for queue in QUEUES]

NOBODYS = {"alembic", "mako", "matplotlib", "typst"}
"""Of migrations, and of what a worker draws once it has a job for it."""

OF_THE_API = {"flask", "flask_openapi3", "gunicorn", "limits", "werkzeug"}


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_process_starts_without_what_it_does_not_use(application):
    said = subprocess.run(
        [sys.executable, "-c", f"import {application}, sys; print(*sys.modules)"],
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    imported = {name.partition(".")[0] for name in said.split()}
    unused = NOBODYS if application == "penstock_api.wsgi" else NOBODYS | OF_THE_API
    assert application.partition(".")[0] in imported
    assert imported & unused == set()
