"""API keys: made, shown without their secrets, and revoked."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rich.table import Table
from rich.text import Text

from penstock_cli.ledger import transaction
from penstock_runtime import keys
from penstock_runtime.errors import Rejected
from penstock_runtime.keys import KeyView
from penstock_runtime.scopes import Scope
from penstock_runtime.settings import RuntimeSettings

LONGEST = 200
"""Characters of a key's tenant and name."""

WIDE = 140
"""Columns from which on there is room for more than which key it is, and whether it works."""


def create(
    settings: RuntimeSettings, tenant: str, name: str, scopes: list[Scope], days: int | None, rate: str | None
) -> tuple[UUID, str]:
    """Make a key for the tenant, for so many days or for good; its id, and its secret, which is kept nowhere.

    Raises Rejected where the rate is none, or nobody could read a name, and Unavailable.
    """
    for what, text in (("tenant", tenant), ("name", name)):
        if not 1 <= len(text) <= LONGEST or not text.isprintable():
            raise Rejected(f"the {what} of a key must have 1 to {LONGEST} printable characters")
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    try:
        with transaction(settings) as connection:
            return keys.create_key(connection, tenant, name, expires_at, set(scopes), rate)
    except ValueError as error:
        raise Rejected(f"the rate {error}") from None


def listed(settings: RuntimeSettings, tenant: str | None) -> list[KeyView]:
    """The keys of one tenant or of all, whether they still work or not. Raises Unavailable."""
    with transaction(settings) as connection:
        return [key for key in keys.list_keys(connection) if tenant in (None, key.tenant)]


def as_json(key: KeyView) -> dict[str, Any]:
    """A key for programs."""
    return {name: _plain(value) for name, value in asdict(key).items()}


def table(found: list[KeyView], width: int) -> Table:
    """Keys for people, in so many columns. Their ids stand whole: `penstock keys revoke` is given one."""
    shown = Table("id", "tenant", "name", "state", box=None, pad_edge=False)
    shown.columns[0].no_wrap = True
    for name in ("scopes", "rate", "created", "last used") if width >= WIDE else ():
        shown.add_column(name)
    for key in found:
        cells = [str(key.id), key.tenant, key.name, _state(key)]
        if width >= WIDE:
            cells += [" ".join(key.scopes), key.rate or "-", f"{key.created_at.astimezone():%Y-%m-%d}"]
            cells += [f"{key.last_used_at.astimezone():%Y-%m-%d %H:%M}" if key.last_used_at else "-"]
        shown.add_row(*map(Text, cells))
    return shown


def revoke(settings: RuntimeSettings, key_id: UUID) -> None:
    """Make a key useless, for good. Raises Rejected where there is none with this id, and Unavailable."""
    with transaction(settings) as connection:
        if not keys.revoke_key(connection, key_id):
            raise Rejected(f"there is no key {key_id}; `penstock keys list` shows all of them")


def _state(key: KeyView) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at.astimezone():%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    word = "until" if key.expires_at > datetime.now(UTC) else "expired"
    return f"{word} {key.expires_at.astimezone():%Y-%m-%d}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
