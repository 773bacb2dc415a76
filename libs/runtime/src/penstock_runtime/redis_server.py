"""The Redis server itself: a client for it, and what makes one unfit for jobs."""

from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from penstock_runtime.errors import SettingsError
from penstock_runtime.settings import RuntimeSettings, without_password


def client(settings: RuntimeSettings) -> "redis.Redis":
    """A client whose every command ends within `redis_timeout` seconds, and is tried once."""
    timeouts: dict[str, Any] = {
        "socket_timeout": settings.redis_timeout,
        "socket_connect_timeout": settings.redis_timeout,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 15,
    }
    return redis.Redis.from_url(settings.broker_url, **timeouts)


def check(connection: "redis.Redis", settings: RuntimeSettings) -> None:
    """Raise SettingsError where this Redis would lose or refuse jobs: a cluster, or one that evicts.

    Read from INFO, since CONFIG is often forbidden.
    """
    info = connection.info()
    where = without_password(settings.broker_url)
    if info.get("cluster_enabled") or info.get("redis_mode") == "cluster":
        raise SettingsError(
            f"CELERY_BROKER_URL: {where} is a Redis Cluster, whose scripts cannot span a queue's keys; "
            "use a single Redis or a Sentinel-managed one"
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise SettingsError(
            f"CELERY_BROKER_URL: {where} has maxmemory-policy {policy}, which throws waiting jobs away when memory is "
            "short; set it to noeviction"
        )


def is_plain(url: str) -> bool:
    """Whether the URL names one Redis server rather than a Sentinel."""
    return urlsplit(url).scheme in ("redis", "rediss")
