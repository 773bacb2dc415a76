"""Two suites on one Redis: each takes the other's messages, and finds no row for them."""

from collections.abc import Iterator, Sequence

from penstock_runtime.doctor.codes import Code
from penstock_runtime.findings import Finding
from penstock_runtime.ledgers import Seen


def others(ledgers: Sequence[Seen], own: str, about: str, *, within: float) -> Iterator[Finding]:
    """The other ledgers whose relays gave a sign of life in this Redis within so many seconds."""
    live = [seen for seen in ledgers if own and seen.ledger != own and seen.age <= within]
    if live:
        named = ", ".join(f"{seen.where} ({seen.age:.0f} s ago)" for seen in live)
        what = f"another suite works in this database of it: the relay of the ledger {named}"
        fix = "give each suite a database number of its own: CELERY_BROKER_URL …/1, redis.database in the chart"
        yield Finding(Code.REDIS_SHARED, about, what, fix)
