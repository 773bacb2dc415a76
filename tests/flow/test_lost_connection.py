"""A worker that has lost its connection to Redis works afterwards as it did before."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from gates import Gate
from processes import Running, eventually

from penstock_contracts.generation import REPORT, Report
from penstock_contracts.queues import Pool
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.submit import Submitter

JOBS = 5


@pytest.fixture
def gate(settings: RuntimeSettings) -> Iterator[Gate]:
    """What leads the worker, and no one else, to Redis."""
    with closing(Gate(urlsplit(settings.broker_url).port or 0)) as gate:
        yield gate


def test_a_gevent_worker_runs_as_many_jobs_at_once_after_a_lost_connection(
    worker: Callable[..., Running], gate: Gate, settings: RuntimeSettings, tmp_path: Path
) -> None:
    through_the_gate = {"CELERY_BROKER_URL": f"redis://127.0.0.1:{gate.port}/0", "PROBE_FOLDER": str(tmp_path)}
    running = worker("generation", module="probe", pool=Pool.GEVENT, **through_the_gate)
    gate.refuse()
    eventually(lambda: running.says("Cannot connect"), "the worker notices")
    gate.let_through()
    submitter = Submitter(settings)
    for _ in range(JOBS):
        submitter.submit(REPORT.message(Report(dataset_id=uuid4())), tenant="default")
    submitter.close()
    # Each waits for a file, so that none gives its place to another.
    starts = tmp_path / "starts"
    eventually(lambda: starts.exists() and len(starts.read_text().splitlines()) == JOBS, "all run at once")
    (tmp_path / "go").touch()
