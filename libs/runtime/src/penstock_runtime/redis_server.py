"""The Redis server itself: a client for it, and what makes one unfit for jobs."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from penstock_runtime.doctor.codes import Code
from penstock_runtime.errors import SettingsError
from penstock_runtime.findings import Finding
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.urls import several, without_password

SENTINEL_PORT = 26379


def client(settings: RuntimeSettings, *, timeout: float | None = None, pings: bool = True) -> "redis.Redis":
    """A client of the server that the broker's URL names, or that the sentinels in it know by the set name.

    timeout: seconds for each connect, write and read, which are tried once (default: `redis_timeout`).
    pings: ask a connection that is new or was idle whether it works. A Redis that cannot write refuses that too.
    """
    url, times = settings.broker_url, _times(timeout or settings.redis_timeout)
    if not pings:
        times["health_check_interval"] = 0
    if not is_sentinel(url):
        return redis.Redis.from_url(url, **times)
    places = [urlsplit(one) for one in several(url)]
    sentinels = [(place.hostname or "127.0.0.1", place.port or SENTINEL_PORT) for place in places]
    server = _options(several(url)[0])
    manager = Sentinel(sentinels, sentinel_kwargs=times | _sentinel_login(settings), **server, **times)
    return manager.master_for(settings.redis_sentinel_master)  # type: ignore[no-any-return]  # it has no types


def sentinel_options(settings: RuntimeSettings) -> dict[str, Any]:
    """What kombu's transport is told beside a sentinel:// URL; nothing for any other."""
    if not is_sentinel(settings.broker_url):
        return {}
    login = _sentinel_login(settings)
    return {
        "master_name": settings.redis_sentinel_master,
        "sentinel_kwargs": _times(settings.redis_timeout) | login,
    }


def check(connection: "redis.Redis", settings: RuntimeSettings) -> None:
    """Raise SettingsError where this Redis would lose or refuse jobs."""
    found = unfit(connection.info(), settings)
    if found is not None:
        raise SettingsError(f"CELERY_BROKER_URL: {without_password(settings.broker_url)} {found.what}; {found.fix}")


def unfit(info: Mapping[str, Any], settings: RuntimeSettings) -> Finding | None:
    """What makes this Redis lose or refuse jobs, whatever else is well: a cluster, or one that evicts.

    info: what INFO answered, since CONFIG is often forbidden.
    """
    about = f"Redis at {without_password(settings.broker_url)}"
    if info.get("cluster_enabled") or info.get("redis_mode") == "cluster":
        what = "is a Redis Cluster, whose scripts cannot span a queue's keys"
        return Finding(Code.REDIS_CLUSTER, about, what, "use a single Redis or a Sentinel-managed one")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        what = f"has maxmemory-policy {policy}, which throws waiting jobs away when memory is short"
        return Finding(
            Code.REDIS_EVICTS, about, what, "set it to noeviction: redis-cli CONFIG SET maxmemory-policy noeviction"
        )
    return None


def is_sentinel(url: str) -> bool:
    """Whether the URL names sentinels rather than the Redis server itself."""
    return urlsplit(url).scheme == "sentinel"


def _times(timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 15,
    }


def _options(url: str) -> dict[str, Any]:
    """Login, database and TLS of a sentinel:// URL, which are the server's and not the sentinels'."""
    encrypted = "ssl_" in urlsplit(url).query
    options = parse_url(url.replace("sentinel://", "rediss://" if encrypted else "redis://", 1))
    return {key: value for key, value in options.items() if key not in ("host", "port", "connection_class")} | (
        {"ssl": True} if encrypted else {}
    )


def _sentinel_login(settings: RuntimeSettings) -> dict[str, Any]:
    tls = {key: value for key, value in _options(several(settings.broker_url)[0]).items() if key.startswith("ssl")}
    login = {
        "username": settings.redis_sentinel_username or None,
        "password": settings.redis_sentinel_password.get_secret_value() or None,
    }
    return tls | login
