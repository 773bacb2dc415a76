"""A message as a worker has got it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from penstock_contracts.queues import Priority
from penstock_runtime.ledger.accept import Unstorable, canonical

DEFAULT_TENANT = "default"
"""Owns the jobs that come from Celery clients, which know no tenants."""


@dataclass(frozen=True)
class Delivery:
    """One message as a worker got it. `token` was made for this delivery; `known`: the ledger has published it."""

    job_id: str
    token: UUID
    payload: dict[str, Any]
    known: bool
    priority: Priority = Priority.NORMAL
    embed: dict[str, Any] | None = None


def payload_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """A Celery call as a payload. Positional arguments have no name, so they make it invalid."""
    return kwargs | ({"positional arguments": list(args)} if args else {})


def storable(payload: dict[str, Any]) -> dict[str, Any]:
    """A foreign payload that PostgreSQL cannot store becomes one that no task takes."""
    try:
        canonical(payload)
    except Unstorable as error:
        return {error.message: None}
    return payload
