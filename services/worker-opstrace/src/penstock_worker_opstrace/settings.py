"""How much one job of the ops_trace queue may delete."""

from pydantic import Field

from penstock_runtime.settings import Settings


class OpsTraceSettings(Settings):
    """Bounds of the deletion of old user actions. What one run leaves, the next one deletes."""

    ops_trace_prune_rows: int = Field(500_000, ge=1, le=100_000_000, description="in one run")
    ops_trace_prune_batch: int = Field(10_000, ge=1, le=1_000_000, description="in one statement")
