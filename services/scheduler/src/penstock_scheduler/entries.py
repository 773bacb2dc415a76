"""What runs by the clock."""

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_runtime.schedule import Entry

ENTRIES = (Entry("prune-user-actions", PRUNE.message(Prune()), "17 3 * * *"),)
"""Cron expressions are in UTC."""
