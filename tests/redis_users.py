"""The users of Redis that the chart declares, as `ACL SETUSER` takes them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis
import yaml

from penstock_contracts.queues import BY_NAME

DECLARED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "charts/penstock/files/redis-users.yaml").read_text(encoding="utf-8")
)
PASSWORD = "only-tests-know-it"


def commands(user: str) -> list[str]:
    """`+get`, `+set`, …"""
    return [f"+{one}" for one in DECLARED[user]["commands"].split()]


def keys(user: str, queues: Iterable[str]) -> list[str]:
    """`~mail`, `~mail:*`, …: in the order of the declaration, each once."""
    queues = list(queues)
    declared = DECLARED[user]["keys"]
    return list(dict.fromkeys("~" + one.replace("{queue}", queue) for one in declared for queue in queues))


def as_user(client: "redis.Redis", url: str, name: str, *rules: str) -> str:
    """Make the user with these rules and no others, and return the URL with its login."""
    client.execute_command("ACL", "SETUSER", name, "reset", "on", f">{PASSWORD}", *rules)
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}:{PASSWORD}@{parts.netloc.rpartition('@')[2]}"))


def as_services(url: str, *more_queues: str) -> str:
    """The URL for the user that the chart gives to the services; `more_queues` beside the suite's own."""
    rules = [*keys("services", [*BY_NAME, *more_queues]), "&*", *commands("services")]
    with redis.Redis.from_url(url) as client:
        return as_user(client, url, "services", *rules)
