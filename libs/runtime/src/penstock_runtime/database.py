"""Connections to PostgreSQL, bounded in number and in the time that anything on them may take."""

import os
import time
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from penstock_runtime.settings import RuntimeSettings

LOST = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError)
"""What a statement raises when the server is gone or overloaded. Whether its change was made is not known."""


def connect(settings: RuntimeSettings, *, most: int | None = None, **options: Any) -> Engine:
    """An engine on the ledger's database, with `most` connections (default: the setting); `options` as `engine_on`."""
    return engine_on(
        settings.database_url,
        most=most or settings.database_connections,
        timeout=settings.database_timeout,
        **options,
    )


def engine_on(
    url: str,
    *,
    most: int,
    timeout: float,
    statement_timeout: float = 0,
    autocommit: bool = False,
    ping_after: float = 1,
) -> Engine:
    """An engine that connects when it is first used, and starts anew in a forked child.

    timeout: seconds to connect, and to wait for a free connection.
    statement_timeout: seconds that a statement may take, enforced by the server; 0 for no bound.
    autocommit: each statement is a transaction of its own, and costs one round trip instead of three.
    ping_after: seconds without use after which a connection is first asked whether its server is still there.
    """
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=most,
        max_overflow=0,
        pool_timeout=timeout,
        isolation_level="AUTOCOMMIT" if autocommit else None,
        skip_autocommit_rollback=True,
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
    _ping_the_idle(engine, ping_after)
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine


def _ping_the_idle(engine: Engine, seconds: float) -> None:
    """Replace connections that broke while nobody used them.

    One in steady use is not asked each time: where it breaks, its statement fails, and the pool drops all others.
    """

    @event.listens_for(engine, "checkin")
    def left(_: Any, record: Any) -> None:
        record.info["left"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def taken(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get("left", float("inf")) > seconds:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as error:
                raise InvalidatePoolError("it broke while it was idle") from error
