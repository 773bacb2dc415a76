"""What runs by the clock."""

from penstock_contracts.dataset import SWEEP_STORAGE, SweepStorage
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import Priority
from penstock_runtime.schedule import Entry

ENTRIES = (
    Entry("prune-user-actions", PRUNE.message(Prune()), "17 3 * * *"),
    Entry("sweep-storage", SWEEP_STORAGE.message(SweepStorage(), priority=Priority.BULK), "47 3 * * *"),
)
"""Cron expressions are in UTC."""
