"""API keys: made here, shown once, and kept as a hash only."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Connection, or_, select

from penstock_runtime.schema import NOW, api_keys

PREFIX = "pk_"
"""Begins every key, so that people and secret scanners know one when they see it."""

ENTROPY_BYTES = 32
"""Random bytes in a key: 256 bits."""

LENGTH = len(PREFIX) + (ENTROPY_BYTES * 8 + 5) // 6
"""Characters in a key: the prefix and the bytes in unpadded base64url."""


@dataclass(frozen=True)
class Key:
    """A key that may be used now, and the tenant to whom whatever it does belongs."""

    id: UUID
    tenant: str
    name: str


def create_key(connection: Connection, tenant: str, name: str, expires_at: datetime | None = None) -> tuple[UUID, str]:
    """Make a key for a tenant. The id is for people to name it by; the secret is returned here and never again."""
    key_id = uuid4()
    secret = PREFIX + secrets.token_urlsafe(ENTROPY_BYTES)
    connection.execute(
        api_keys.insert().values(id=key_id, tenant=tenant, name=name, hash=hash_key(secret), expires_at=expires_at)
    )
    return key_id, secret


def find_key(connection: Connection, secret: str) -> Key | None:
    """The key with this secret; None where it is unknown, revoked, or expired by the database's clock."""
    row = connection.execute(
        select(api_keys.c.id, api_keys.c.tenant, api_keys.c.name).where(
            api_keys.c.hash == hash_key(secret),
            api_keys.c.revoked_at.is_(None),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > NOW),
        )
    ).one_or_none()
    return Key(*row) if row else None


def hash_key(secret: str) -> bytes:
    """What is stored of a key.

    A slow, salted hash guards what people choose and reuse. A key is 256 random bits, which nobody finds by trying
    whatever the hash costs: SHA-256 is enough, keeps each request quick, and lets the database look a key up by it.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
