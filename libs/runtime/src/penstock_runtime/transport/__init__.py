"""A kombu transport for Redis that loses no message and leaves none behind: see docs/transport.md."""

from penstock_runtime.transport.install import install
from penstock_runtime.transport.transport import SentinelTransport, Transport

__all__ = ["SentinelTransport", "Transport", "install"]
