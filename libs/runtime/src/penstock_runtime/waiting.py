"""Waiting for PostgreSQL or the broker, and saying what keeps it from answering and what to look at."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import amqp
import redis
import structlog

from penstock_runtime.database import LOST
from penstock_runtime.errors import Unavailable
from penstock_runtime.settings import RuntimeSettings
from penstock_runtime.urls import without_password

log = structlog.get_logger(__name__)

SAID_EVERY = 5
"""Seconds between two lines that say the same."""

ADVICE = (
    ("cluster", r"in cluster mode|CLUSTERDOWN|MOVED", "its mode: it is a Redis Cluster, and a single Redis is wanted"),
    (
        "login",
        r"AuthenticationError|authentication failed|no password supplied|Login was refused",
        "user name and password",
    ),
    ("rights", r"NoPermission|permission denied|ACCESS_REFUSED", "what its user is allowed"),
    ("database", r"DB index|does not exist", "the number or name of the database"),
    (
        "connections",
        r"max number of clients|too many (clients|connections)|connection slots|connection limit",
        "how many it lets connect",
    ),
    ("vhost", r"vhost", "the name of the virtual host, and whether its user may enter it"),
    ("tls", r"certificate|SSL|TLS", "TLS, and which authority signed its certificate"),
    ("host", r"resolve|resolution|not known", "the host's name"),
    ("unreachable", r"refused|reset|closed", "host and port, and whether it runs"),
    ("silent", r"[Tt]ime(d )?out", "host and port, and whether a firewall or NetworkPolicy drops what is sent to it"),
    ("not_migrated", r"tables are not made", "the migration"),
)
"""A name for each trouble; what servers, their clients and the network say of it; and what to look at. The first one
whose words are said is it."""


@dataclass(frozen=True)
class Server:
    """A server as people know it: its kind, its URL without the password, and the settings that name it."""

    kind: str
    where: str
    settings: str


def postgresql(settings: RuntimeSettings) -> Server:
    """The ledger's server."""
    parts = "PENSTOCK_DATABASE_URL, or PENSTOCK_DATABASE_HOST, _USER, _PASSWORD …"
    return Server("PostgreSQL", without_password(settings.database_url), parts)


def broker(settings: RuntimeSettings) -> Server:
    """The Redis or RabbitMQ with the queues."""
    if settings.uses_rabbitmq:
        parts = "CELERY_BROKER_URL, or PENSTOCK_RABBITMQ_HOST, _USERNAME, _PASSWORD, _VHOST …"
        return Server("RabbitMQ", without_password(settings.broker_url), parts)
    parts = "CELERY_BROKER_URL, or PENSTOCK_REDIS_HOST, _USERNAME, _PASSWORD …"
    return Server("Redis", without_password(settings.broker_url), parts)


def wait_until(
    answers: Callable[[], object],
    server: Server,
    *,
    seconds: float = float("inf"),
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Call `answers` until it raises nothing, saying each five seconds what is waited for, why, and what to look at.

    meanwhile: called after each try that failed.

    Raises Unavailable after `seconds`.
    """
    began = time.monotonic()
    said = float("-inf")
    while True:
        try:
            answers()
            return
        except (*LOST, redis.RedisError, amqp.AMQPError, OSError) as error:
            now = time.monotonic()
            reason, look_at = reason_of(error), advice_on(error, server)
            if now - began > seconds:
                late = f"{server.kind} at {server.where} was not ready within {seconds:.0f} s: {reason}"
                raise Unavailable(f"{late}; {look_at}") from error
            if now - said >= SAID_EVERY:
                said = now
                about = {"what": server.kind, "where": server.where, "seconds": round(now - began)}
                log.warning("waiting", **about, reason=reason, advice=look_at)
            meanwhile()
            time.sleep(0.5)


def reason_of(error: BaseException) -> str:
    """What a server or its client said, in one line. It names hosts and users, and never a password."""
    said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return said or type(error).__name__


def advice_on(error: BaseException, server: Server) -> str:
    """What to look at when a server does not answer so."""
    _, about = trouble_of(error)
    return f"look at {about} ({server.settings})"


def trouble_of(error: BaseException) -> tuple[str, str]:
    """The name of the trouble that a server does not answer for, and what to look at."""
    said = f"{type(error).__name__} {reason_of(error)}"
    known = ((name, about) for name, words, about in ADVICE if re.search(words, said))
    return next(known, ("refuses", "the server's own log"))
