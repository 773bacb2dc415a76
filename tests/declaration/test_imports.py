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

OF_THE_SUITE = {"attr", "psycopg", "pydantic", "pydantic_settings", "rich", "sqlalchemy", "structlog"}
"""What the transport alone, in an application of somebody else's, has no need of."""


def imported_by(statement):
    said = subprocess.run(
        [sys.executable, "-c", f"{statement}, sys; print(*sys.modules)"],
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {name.partition(".")[0] for name in said.split()}


def test_a_worker_on_the_transport_alone_starts_with_nothing_that_a_worker_of_celerys_does_without():
    stock = imported_by("import kombu.transport.redis, celery.worker.consumer")
    ours = imported_by("import penstock_runtime.transport, penstock_runtime.transport.consumer")
    assert ours & OF_THE_SUITE == set()
    assert ours - stock == {"penstock_runtime"}


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_process_starts_without_what_it_does_not_use(application):
    imported = imported_by(f"import {application}")
    unused = NOBODYS if application == "penstock_api.wsgi" else NOBODYS | OF_THE_API
    assert application.partition(".")[0] in imported
    assert imported & unused == set()
