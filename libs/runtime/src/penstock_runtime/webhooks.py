"""Whom a webhook may call: public addresses, and those in the networks that the operator allows.

Who may have jobs accepted chooses what this installation calls. Without a bound that reaches its neighbours: databases,
consoles, and the metadata server that hands out a cloud's credentials (server-side request forgery).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from penstock_runtime.errors import Rejected

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REFUSED = "webhook_refused"
"""Code of the error for an address that may not be called."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""An IPv4 address stands in the last 32 bits (RFC 6052 2.1)."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that IANA has given out for public hosts."""

_NOT_PUBLIC_EITHER: tuple[Network, ...] = (
    IPv4Network(
        "192.0.0.0/24"
    ),  # RFC 6890; of parts of it `is_global` says otherwise. Oracle's metadata server is in it.
    IPv4Network("168.63.129.16/32"),  # Azure's, for its machines alone, though in a public range
    IPv6Network("3fff::/20"),  # RFC 9637, documentation; not known to every Python
)


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be networks with commas between them, such as 10.20.0.0/16,fd12::/64") from None


Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)]
"""A setting: networks in CIDR notation, with commas between them."""


def may_be_called(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether a webhook may go there: the address is public, or in one of the `allowed` networks.

    An IPv6 address that stands for an IPv4 address is judged as that one.
    """
    meant = _within(address) or address
    if any(one in network for network in allowed for one in (address, meant)):
        return True
    if isinstance(meant, IPv6Address) and meant not in _GLOBAL_UNICAST:
        return False
    return meant.is_global and not meant.is_multicast and not any(meant in network for network in _NOT_PUBLIC_EITHER)


def _within(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address carries: mapped (::ffff:0:0/96), 6to4 (2002::/16) or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def check_url(url: str, allowed: Iterable[Network] = ()) -> None:
    """Refuse at once what needs no name server to be refused. The worker asks one, and checks every answer.

    url: as `penstock_contracts.webhook_url` spells it. Raises Rejected (webhook_refused).
    """
    host = urlsplit(url).hostname or ""
    address = _literal(host)
    if address is not None and not may_be_called(address, allowed):
        raise refused(host)


def refused(host: str) -> Rejected:
    """The error for a host that may not be called. It does not say where the host is: that would map our network."""
    return Rejected(
        f"{host} is not a public address; the operator can allow it in PENSTOCK_WEBHOOK_ALLOWED_NETWORKS", code=REFUSED
    )


def _literal(host: str) -> Address | None:
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return IPv4Address("127.0.0.1")  # RFC 6761 6.3: whatever a name server says
    try:
        return ip_address(name)
    except ValueError:
        return None
