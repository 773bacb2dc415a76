"""Connections to PostgreSQL, bounded in number and in the time that anything on them may take."""

import os
import time
from collections.abc import Callable

import psycopg
import redis
import structlog
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from penstock_runtime.errors import Unavailable
from penstock_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

LOST = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError)
"""What a statement raises when the server is gone or overloaded. Whether its change was made is not known."""


def connect(settings: RuntimeSettings, *, most: int | None = None, statement_timeout: float = 0) -> Engine:
    """An engine on the ledger's database, with `most` connections (default: the setting); see `engine_on`."""
    return engine_on(
        settings.database_url,
        most=most or settings.database_connections,
        timeout=settings.database_timeout,
        statement_timeout=statement_timeout,
    )


def engine_on(url: str, *, most: int, timeout: float, statement_timeout: float = 0) -> Engine:
    """An engine that connects when it is first used, and starts anew in a forked child.

    timeout: seconds to connect, and to wait for a free connection.
    statement_timeout: seconds that a statement may take, enforced by the server; 0 for no bound.
    """
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=most,
        max_overflow=0,
        pool_timeout=timeout,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text reaches logs, and parameters hold payloads
        connect_args={
            "connect_timeout": max(2, round(timeout)),  # libpq takes less than 2 as 2
            "application_name": "penstock",
            "options": f"-c statement_timeout={round(statement_timeout * 1000)} -c synchronous_commit=on",
            # A peer that vanished without a word is noticed within about 20 s.
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 20000,
        },
    )
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine


def wait_until(answers: Callable[[], object], what: str, *, seconds: float = float("inf")) -> None:
    """Call `answers` until it raises nothing, saying each five seconds what is waited for.

    Raises Unavailable after `seconds`.
    """
    began = time.monotonic()
    said = float("-inf")
    while True:
        try:
            answers()
            return
        except (*LOST, redis.RedisError, OSError) as error:
            now = time.monotonic()
            if now - began > seconds:
                raise Unavailable(f"{what} did not answer within {seconds:.0f} s") from error
            if now - said >= 5:
                said = now
                log.warning("waiting", what=what, seconds=round(now - began), reason=type(error).__name__)
            time.sleep(0.5)
