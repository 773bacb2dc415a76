"""The ledger: one row a job, each change a compare-and-set. Times are the database's.

    accepted -> queued -> running -> succeeded | failed | cancelled | dead

`accept` writes the row, `publish` says its message is on its way, `run` is what a worker does with it, `cancel` what a
client may, `lost` what the relay brings back. Every function takes a connection; the caller decides the transaction.
"""

from penstock_runtime.ledger.accept import Accepted, KeyReused, NewJob, Unstorable, accept, accept_all
from penstock_runtime.ledger.cancel import RETRYABLE, cancel, start_over
from penstock_runtime.ledger.view import JobView, list_jobs, read_job

__all__ = [
    "RETRYABLE",
    "Accepted",
    "JobView",
    "KeyReused",
    "NewJob",
    "Unstorable",
    "accept",
    "accept_all",
    "cancel",
    "list_jobs",
    "read_job",
    "start_over",
]
