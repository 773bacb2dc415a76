"""What KEDA counts for each queue, asked of the broker as KEDA asks it."""

import json
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import quote

import redis
from pydantic import BaseModel, Field

from penstock_runtime import redis_server
from penstock_runtime.errors import Unavailable
from penstock_runtime.rabbitmq.losses import MARKER
from penstock_runtime.rabbitmq.server import place_of
from penstock_runtime.redis_losses import EPOCH_KEY
from penstock_runtime.settings import RuntimeSettings

REQUEST = 10
"""Seconds for one request to RabbitMQ's management."""


class Counted(BaseModel):
    """A queue, and the keys in Redis, or queues in RabbitMQ, that KEDA adds up for it."""

    queue: str
    lists: list[str]
    in_flight: str = Field("", alias="inFlight")

    @property
    def keys(self) -> list[str]:
        """All of them."""
        return [*self.lists, *([self.in_flight] if self.in_flight else [])]


class Counts(Protocol):
    """The broker as KEDA sees it. Every method raises Unavailable."""

    kind: str
    disagreements: int
    """Looks in a row at which KEDA's figure and ours may differ: they are taken one after the other, and jobs move."""

    def count(self, queue: Counted) -> int:
        """What waits and is in flight."""

    def relay_is_here(self) -> bool:
        """Whether a relay was seen to work with this very broker."""


class _RedisCounts:
    kind = "Redis"
    disagreements = 10

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._began: int | None = None

    def count(self, queue: Counted) -> int:
        with self._errors():
            waiting = sum(int(self._client.llen(name)) for name in queue.lists)
            return waiting + int(self._client.hlen(queue.in_flight))

    def relay_is_here(self) -> bool:
        """The relay's counter was raised since this was first asked."""
        with self._errors():
            epoch = int(self._client.get(EPOCH_KEY) or 0)
        if self._began is None:
            self._began = epoch
        return epoch > self._began

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise Unavailable(f"Redis, as KEDA is told to reach it, does not answer ({type(error).__name__})") from None


class _RabbitCounts:
    kind = "RabbitMQ"
    # Its management tells what it has counted a while ago: 5 seconds where nobody has set another interval.
    disagreements = 60

    def __init__(self, url: str, settings: RuntimeSettings) -> None:
        known = place_of(settings)
        self._place = f"{url.rstrip('/')}/api/queues/{quote(known['virtual_host'] or '/', safe='')}"
        login = f"{known['userid']}:{known['password']}"
        self._login = f"Basic {b64encode(login.encode()).decode()}"
        trusted = ssl.create_default_context(cafile=settings.rabbitmq_tls_ca or None)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
        )

    def count(self, queue: Counted) -> int:
        return sum(int(self._ask(f"/{quote(name, safe='')}").get("messages", 0)) for name in queue.lists)

    def relay_is_here(self) -> bool:
        """The queue that the ledger knows is there."""
        return bool(self._ask(f"?use_regex=true&page=1&page_size=10&name={quote('^' + MARKER)}").get("items"))

    def _ask(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self._place + path, headers={"Authorization": self._login})
        try:
            with self._opener.open(request, timeout=REQUEST) as answer:
                return dict(json.load(answer))
        except HTTPError as error:
            said = f"{error.code} {error.reason}"
        except (OSError, ValueError) as error:
            said = type(error).__name__
        raise Unavailable(f"RabbitMQ's management, as KEDA is told to reach it, says {said}: {self._place}")


@contextmanager
def open_counts(settings: RuntimeSettings, management: str) -> Iterator[Counts]:
    """Those of the broker that the settings name. `management`: the URL of RabbitMQ's, without user and password."""
    if settings.uses_rabbitmq:
        yield _RabbitCounts(management, settings)
        return
    with redis_server.client(settings) as client:
        yield _RedisCounts(client)
