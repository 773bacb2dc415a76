"""A channel of the server that sentinels know."""

from typing import Any

from kombu.transport import redis as stock

from penstock_runtime.transport.channel import OPTIONS, Channel


class Sentinels:
    """Where the master is. Sentinels are asked when a connection is made, which is rare: none to them is kept."""

    def __init__(self, manager: Any) -> None:
        """manager: redis-py's, whose connections are its pools' and stay."""
        self._manager = manager

    def discover_master(self, name: str) -> Any:
        """Host and port. Raises what redis-py does."""
        try:
            return self._manager.discover_master(name)
        finally:
            for sentinel in self._manager.sentinels:
                # Another thread may be asking just now.
                sentinel.connection_pool.disconnect(inuse_connections=False)


class SentinelChannel(Channel, stock.SentinelChannel):
    """A channel of the server that sentinels know by `master_name`."""

    from_transport_options: Any = stock.SentinelChannel.from_transport_options + OPTIONS

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        pool = super()._sentinel_managed_pool(asynchronous)
        pool.proxy.sentinel_manager = Sentinels(pool.sentinel_manager)
        return pool
