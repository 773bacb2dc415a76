"""Mounted into the generation worker's own image: its reports last as long as their titles say.

A row in `accounts` tells that a run began, and another one, in the transaction that finishes the job, that it ended.
"""

import os
import time

import sqlalchemy

from penstock_contracts.generation import REPORT, Report, Reported
from penstock_runtime.broker import make_app
from penstock_runtime.job import Job
from penstock_runtime.worker import serve

MARK = sqlalchemy.text("INSERT INTO accounts (email) VALUES (:mark)")


def last(payload: Report, job: Job) -> Reported:
    """Sleep for `title` seconds."""
    run = os.urandom(8).hex()
    with job.database.connect() as connection:
        connection.execute(MARK, {"mark": f"began {job.id} {run}"})
        connection.commit()
    end = time.monotonic() + float(payload.title or 0)
    while time.monotonic() < end:
        time.sleep(0.1)
    job.connection.execute(MARK, {"mark": f"ended {job.id} {run}"})
    return Reported(dataset_id=payload.dataset_id, files=[])


app = make_app([serve(REPORT, last)])
