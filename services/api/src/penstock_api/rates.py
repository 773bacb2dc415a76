"""How often one address may do what needs no key. Without Redis, each process counts for itself."""

import ipaddress

from flask import Flask, request
from flask_limiter import Limiter

from penstock_api.settings import ApiSettings
from penstock_runtime import redis_server

_IPV6_NETWORK = 64
"""Bits of an IPv6 address that name a network: the rest is its owner's to choose (RFC 6177)."""


def make_limiter(app: Flask, settings: ApiSettings) -> Limiter:
    """A limiter that waits for Redis `registration_rate_timeout` at most, then goes on without it, with a warning."""
    client = redis_server.client(settings, timeout=settings.registration_rate_timeout)
    return Limiter(
        address,
        app=app,
        # The pool knows where the server is; the scheme only says what kind of storage it leads to.
        storage_uri="redis://",
        storage_options={"connection_pool": client.connection_pool},  # type: ignore[dict-item]  # a pool is taken too
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
