"""API keys: made, shown without their secrets, and revoked."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from rich.table import Table

from penstock_cli.ledger import transaction
from penstock_runtime import keys
from penstock_runtime.errors import Rejected
from penstock_runtime.keys import KeyView, Scope
from penstock_runtime.settings import RuntimeSettings

COLUMNS = ("id", "tenant", "name", "scopes", "rate", "created", "expires", "last used", "revoked")


def create(
    settings: RuntimeSettings, tenant: str, name: str, scopes: list[Scope], days: int | None, rate: str | None
) -> str:
    """Make a key for the tenant, for so many days or for good, and return its secret, which is kept nowhere.

    Raises Rejected where the rate is none, and Unavailable.
    """
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    try:
        with transaction(settings) as connection:
            return keys.create_key(connection, tenant, name, expires_at, set(scopes), rate)[1]
    except ValueError as error:
        raise Rejected(f"the rate {error}") from None


def table(settings: RuntimeSettings) -> Table:
    """All keys, whether they still work or not. Raises Unavailable."""
    with transaction(settings) as connection:
        found = keys.list_keys(connection)
    shown = Table(*COLUMNS)
    for key in found:
        shown.add_row(*_cells(key))
    return shown


def revoke(settings: RuntimeSettings, key_id: UUID) -> None:
    """Make a key useless, for good. Raises Rejected where there is none with this id, and Unavailable."""
    with transaction(settings) as connection:
        if not keys.revoke_key(connection, key_id):
            raise Rejected(f"there is no key {key_id}; `penstock keys list` shows all of them")


def _cells(key: KeyView) -> list[str]:
    times = (key.created_at, key.expires_at, key.last_used_at, key.revoked_at)
    return [
        str(key.id),
        key.tenant,
        key.name,
        " ".join(key.scopes),
        key.rate or "-",
        *(_moment(time) for time in times),
    ]


def _moment(time: datetime | None) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M") if time else "-"
