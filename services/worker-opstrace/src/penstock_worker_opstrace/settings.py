"""How much one job of the ops_trace queue may delete, and whom and for how long it may call."""

from pydantic import Field, SecretStr

from penstock_runtime.settings import Settings
from penstock_runtime.webhooks import Networks


class OpsTraceSettings(Settings):
    """Bounds of the deletion of old user actions, of which the next run deletes what one leaves, and of webhooks, whose
    times are in seconds."""

    ops_trace_prune_rows: int = Field(500_000, ge=1, le=100_000_000, description="in one run")
    ops_trace_prune_batch: int = Field(10_000, ge=1, le=1_000_000, description="in one statement")

    secret_key: SecretStr = Field(SecretStr(""), description="signs the webhooks; empty: one is made and kept")
    webhook_allowed_networks: Networks = Field((), description="that may be called though they are not public")
    webhook_connect_timeout: float = Field(5, gt=0, le=20, description="for each address of a host")
    # The queue's time limit, 60 s, must leave room for the name server and for writing down how it ended.
    webhook_timeout: float = Field(20, gt=0, le=40, description="from the first connect to the answer's last byte")
    webhook_answer_bytes: int = Field(65_536, ge=1024, le=1_048_576, description="of an answer are read, with its head")
    webhook_retry_after: float = Field(3600, ge=0, le=86_400, description="the longest Retry-After that is heeded")
