"""How often one address may do what needs no key. Without Redis, each process counts for itself."""

import ipaddress
from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from penstock_api.settings import ApiSettings
from penstock_runtime.redis_server import is_plain

_IPV6_NETWORK = 64
"""Bits of an IPv6 address that name a network: the rest is its owner's to choose (RFC 6177)."""


def make_limiter(app: Flask, settings: ApiSettings) -> Limiter:
    """A limiter that waits for Redis `registration_rate_timeout` at most, then goes on without it, with a warning."""
    timeouts: dict[str, Any] = {
        "socket_timeout": settings.registration_rate_timeout,
        "socket_connect_timeout": settings.registration_rate_timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    shared = is_plain(settings.broker_url)
    return Limiter(
        address,
        app=app,
        storage_uri=settings.broker_url if shared else "memory://",
        storage_options=timeouts if shared else {},
        key_prefix="penstock",
        in_memory_fallback_enabled=True,
        swallow_errors=True,
    )


def address() -> str:
    """Whom to count a request for: an IPv4 address, or an IPv6 network."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
    return str(found)
