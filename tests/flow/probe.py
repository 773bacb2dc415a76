"""A worker whose tasks do what a test needs: hold the processor, wait for a file, and leave a mark in the database."""

import os
import time
from pathlib import Path

import sqlalchemy

from penstock_contracts.generation import REPORT, Report, Reported
from penstock_contracts.ops_trace import PRUNE, Prune, Pruned
from penstock_runtime.broker import make_app
from penstock_runtime.job import Job
from penstock_runtime.worker import serve

FOLDER = Path(os.environ["PROBE_FOLDER"])


def _mark(job: Job) -> None:
    """One row for each run whose effects were committed; the file also counts the runs that were not."""
    with (FOLDER / "starts").open("a") as starts:
        starts.write(f"{job.id}\n")
    job.connection.execute(
        sqlalchemy.text("INSERT INTO accounts (email) VALUES (:mark)"), {"mark": f"{job.id} {os.urandom(8).hex()}"}
    )


def hold_the_processor(payload: Prune, job: Job) -> Pruned:
    """Compute for `days` seconds without ever yielding."""
    _mark(job)
    end = time.monotonic() + payload.days
    while time.monotonic() < end:
        pass
    return Pruned(deleted=payload.days)


def wait_for_a_file(payload: Report, job: Job) -> Reported:
    """Run until the test makes the file `go`, reporting progress as a long task does."""
    _mark(job)
    while not (FOLDER / "go").exists():
        job.progress(1, 2, "files")
        time.sleep(0.05)
    return Reported(dataset_id=payload.dataset_id, files=[])


app = make_app([serve(PRUNE, hold_the_processor), serve(REPORT, wait_for_a_file)])
