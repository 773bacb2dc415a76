"""Where a host is, and whether it may be called there."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from penstock_runtime.errors import Retryable
from penstock_runtime.webhooks import Networks, check_url, may_be_called, refused

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Place:
    """One address of a host with the port, as `socket.connect` takes it: no name is left to be looked up."""

    family: socket.AddressFamily
    address: tuple[Any, ...]


def look_up(url: str, allowed: Networks) -> list[Place]:
    """Ask the name server once for a URL's host. What is called afterwards is exactly what was checked here: a name
    that leads elsewhere a moment later (DNS rebinding) changes nothing.

    Raises Rejected (webhook_refused) where any of the addresses may not be called, and Retryable (webhook_unreachable)
    where none is found. How long a name server may take is the resolver's setting, not ours.
    """
    check_url(url, allowed)
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter for labels that no name can have
        raise Retryable(f"no address was found for {host}", code="webhook_unreachable") from None
    places = [Place(family, address) for family, _, _, _, address in found]
    check_places(host, places, allowed)
    return places


def check_places(host: str, places: Iterable[Place], allowed: Networks) -> None:
    """Raises Rejected (webhook_refused) where any of a host's places may not be called."""
    if not all(may_be_called(ip_address(place.address[0]), allowed) for place in places):
        raise refused(host)
