"""What our messages carry beside Celery's own headers."""

HEADER = "penstock"
"""Header that marks a message of the ledger's. Holds the stamp of its publication (`published_at`, ISO 8601), how many
starts the job has left (`attempts_left`), and whether it is to run with no other job beside it (`alone`)."""

DELIVERIES = "penstock_deliveries"
"""Header of a message that came back: how many processes have died with it."""

ENQUEUED_AT = "penstock_enqueued_at"
"""Property of a message that our transport published: seconds since 1970, by the publisher's clock."""
