"""Which ledgers publish into one Redis: each relay leaves its own there, so that two suites are noticed."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.urls import bracketed

KEY = "penstock:ledgers"
"""A hash with one field a ledger: when its relay last gave a sign of life, by Redis's clock, and where it is."""

FORGOTTEN_AFTER = 86_400
"""Seconds without a sign of life after which a ledger is taken out of the hash."""

SIGN = f"""
local function sign(key, ledger, where)
  if ledger == '' then return end
  local now = tonumber(redis.call('TIME')[1])
  redis.call('HSET', key, ledger, now .. ' ' .. where)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local seen = tonumber(string.match(all[i + 1], '^%d+')) or 0
    if seen < now - {FORGOTTEN_AFTER} then redis.call('HDEL', key, all[i]) end
  end
end
"""
"""A function for the relay's script: this ledger lives."""


@dataclass(frozen=True)
class Seen:
    """A ledger whose relay publishes into this Redis: its id, where it is, and seconds since the last sign of life."""

    ledger: str
    where: str
    age: float


def identify(connection: Connection) -> str:
    """The id of the ledger: of PostgreSQL's files, the database in them, and the schema.

    A failover keeps it, and a dump that is restored elsewhere gets another. Empty where this user may not ask.
    """
    try:
        with connection.begin_nested():
            return str(connection.execute(text(IDENTITY)).scalar_one())
    except ProgrammingError:  # no such function, or not for this user: then nothing is told
        return ""


IDENTITY = (
    "SELECT concat_ws(':', system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()),"
    " current_schema()) FROM pg_control_system()"
)


def where_of(settings: RuntimeSettings) -> str:
    """Where the ledger is, for people: `host:port/database`."""
    parts = urlsplit(settings.database_url)
    return f"{bracketed(parts.hostname or '')}:{parts.port or 5432}{parts.path}"


def read_ledgers(client: "redis.Redis") -> list[Seen]:
    """The ledgers that have left themselves there within the last day, the newest sign first."""
    now, _ = client.time()
    found = []
    kept: Any = client.hgetall(KEY)
    for ledger, said in kept.items():
        at, _, where = said.decode(errors="replace").partition(" ")
        if at.isdecimal():
            found.append(Seen(ledger.decode(errors="replace"), where, max(0.0, now - int(at))))
    return sorted(found, key=lambda seen: seen.age)
