"""How often who may ask: each request counts for its key, and one without a valid key for the address it came from."""

import ipaddress
import math

from flask import request

from penstock_api.problems import Problem
from penstock_api.services import services
from penstock_runtime.keys import Key
from penstock_runtime.rates import read_rate

_IPV6_NETWORK = 64
"""Bits of an IPv6 address that name a network: the rest is its owner's to choose (RFC 6177)."""


def count_key(key: Key) -> None:
    """Count a request with a valid key. Raises Problem (too_many_requests), as do all of these."""
    rate = key.rate or services().settings.api_key_rate
    _count(f"key:{key.id}", rate, "with this key")


def count_address() -> None:
    """Count a request without a valid key for its address."""
    _count(f"address:{address()}", services().settings.api_address_rate, "without a valid key from one address")


def count_registration() -> None:
    """Count a registration for its address, besides."""
    _count(f"registration:{address()}", services().settings.registration_rate, "to register from one address")


def count_unrouted() -> None:
    """Count what leads to none of the groups of routes, which count for themselves: unknown addresses, the document."""
    if request.blueprint is None:
        count_address()


def refuse_spent_address() -> None:
    """Count nothing, and refuse where the address has asked too often: whoever guesses keys costs no look at them."""
    rate = services().settings.api_address_rate
    wait = services().counts.wait(f"address:{address()}", read_rate(rate))
    if wait > 0:
        raise _too_many(rate, "without a valid key from one address", wait)


def address() -> str:
    """Whom to count a request for: an IPv4 address, or an IPv6 network."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
    return str(found)


def _count(subject: str, rate: str, of: str) -> None:
    wait = services().counts.take(subject, read_rate(rate))
    if wait > 0:
        raise _too_many(rate, of, wait)


def _too_many(rate: str, of: str, wait: float) -> Problem:
    seconds = math.ceil(wait)
    return Problem(
        "too_many_requests",
        f"more than {rate} requests {of}; wait {seconds} s before the next one",
        headers={"Retry-After": str(seconds)},
    )
