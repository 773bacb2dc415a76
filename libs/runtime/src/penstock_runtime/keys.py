"""API keys: made here, shown once, and kept as a hash only."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from penstock_runtime.rates import read_rate
from penstock_runtime.schema import NOW, api_keys
from penstock_runtime.scopes import USUAL_SCOPES, Scope

PREFIX = "pk_"
"""Begins every key, so that people and secret scanners know one when they see it."""

ENTROPY_BYTES = 32
"""Random bytes in a key: 256 bits."""

LENGTH = len(PREFIX) + (ENTROPY_BYTES * 8 + 5) // 6
"""Characters in a key: the prefix and the bytes in unpadded base64url."""

STAMP_EVERY = 60
"""Seconds between two times that a key's last use is written down."""


@dataclass(frozen=True)
class Key:
    """A key that may be used now, and the tenant to whom whatever it does belongs."""

    id: UUID
    tenant: str
    name: str
    scopes: frozenset[Scope]
    rate: str | None = None


@dataclass(frozen=True)
class KeyView:
    """What may be shown of a key, whether it can still be used or not."""

    id: UUID
    tenant: str
    name: str
    scopes: tuple[str, ...]
    rate: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


def create_key(
    connection: Connection,
    tenant: str,
    name: str,
    expires_at: datetime | None = None,
    scopes: Collection[Scope] = USUAL_SCOPES,
    rate: str | None = None,
) -> tuple[UUID, str]:
    """Make a key for a tenant. The id is for people to name it by; the secret is returned here and never again.

    rate: as `rates` has it, instead of the API's setting. Raises ValueError where it is none.
    """
    if rate is not None:
        read_rate(rate)
    key_id = uuid4()
    secret = PREFIX + secrets.token_urlsafe(ENTROPY_BYTES)
    connection.execute(
        api_keys.insert().values(
            id=key_id,
            tenant=tenant,
            name=name,
            hash=hash_key(secret),
            expires_at=expires_at,
            scopes=sorted(scopes),
            rate=rate,
        )
    )
    return key_id, secret


def register_key(connection: Connection, tenant: str, name: str, secret: str) -> bool:
    """Let a key that was made elsewhere be the only one of this tenant with this name; earlier ones are revoked.

    False: this very key was revoked before, and stays so. Raises ValueError where it is not such as `create_key` makes.
    """
    if len(secret) != LENGTH or not re.fullmatch(rf"{PREFIX}[\w-]+", secret, re.ASCII):
        raise ValueError(f"must be {PREFIX} and {LENGTH - len(PREFIX)} characters of base64url")
    digest = hash_key(secret)
    connection.execute(
        insert(api_keys)
        .values(id=uuid4(), tenant=tenant, name=name, hash=digest)
        .on_conflict_do_nothing(index_elements=[api_keys.c.hash])
    )
    same = api_keys.c.tenant == tenant, api_keys.c.name == name, api_keys.c.revoked_at.is_(None)
    connection.execute(update(api_keys).where(*same, api_keys.c.hash != digest).values(revoked_at=NOW))
    return find_key(connection, secret) is not None


def find_key(connection: Connection, secret: str) -> Key | None:
    """The key with this secret; None where it is unknown, revoked, or expired by the database's clock."""
    row = connection.execute(
        select(api_keys).where(
            api_keys.c.hash == hash_key(secret),
            api_keys.c.revoked_at.is_(None),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > NOW),
        )
    ).one_or_none()
    if row is None:
        return None
    # A scope that this version does not know grants nothing.
    return Key(row.id, row.tenant, row.name, frozenset(scope for scope in Scope if scope in row.scopes), row.rate)


def list_keys(connection: Connection) -> list[KeyView]:
    """All keys of all tenants, oldest first."""
    columns = [api_keys.c[field.name] for field in fields(KeyView)]
    rows = connection.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.id))
    return [KeyView(**{**row._mapping, "scopes": tuple(row.scopes)}) for row in rows]


def revoke_key(connection: Connection, key_id: UUID) -> bool:
    """Make a key useless, for good; the API hears of it when it next looks. False: there is no such key."""
    first = func.coalesce(api_keys.c.revoked_at, NOW)
    return connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=first)).rowcount == 1


def stamp_use(connection: Connection, key_id: UUID) -> None:
    """Remember that a key was used, unless it was remembered within the last `STAMP_EVERY` seconds."""
    stale = NOW - timedelta(seconds=STAMP_EVERY)
    connection.execute(
        update(api_keys)
        .where(api_keys.c.id == key_id, or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= stale))
        .values(last_used_at=NOW)
    )


def hash_key(secret: str) -> bytes:
    """What is stored of a key.

    A slow, salted hash guards what people choose and reuse. A key is 256 random bits, which nobody finds by trying
    whatever the hash costs: SHA-256 is enough, keeps each request quick, and lets the database look a key up by it.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
