"""Every queue's figures as JSON, for those who look from outside: python -m penstock_runtime.queues_now

It takes no key, so it is run where the settings are: in a pod of the suite.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from penstock_runtime import waiting
from penstock_runtime.backlog import QueueBacklog, read_backlog
from penstock_runtime.database import LOST, connect
from penstock_runtime.errors import SettingsError, Unavailable
from penstock_runtime.ledger.unfinished import read_unfinished
from penstock_runtime.oldest import Oldest, read_oldest
from penstock_runtime.rabbitmq import backlog as rabbitmq_backlog
from penstock_runtime.settings import RuntimeSettings, load


def count(
    settings: RuntimeSettings, transaction: Callable[[], AbstractContextManager[Connection]]
) -> tuple[list[QueueBacklog], dict[str, Oldest | None]]:
    """What waits and is in flight in each queue, and for how long.

    transaction: of the ledger, which is asked where RabbitMQ carries the messages. Raises Unavailable, and what that
    does.
    """
    if not settings.uses_rabbitmq:
        return read_backlog(settings), read_oldest(settings)
    with transaction() as connection:
        known = read_unfinished(connection)
    return rabbitmq_backlog.read_backlog(settings, known), rabbitmq_backlog.read_oldest(known)


def read(settings: RuntimeSettings) -> list[dict[str, Any]]:
    """Each queue: `queue`, `queued` by priority, `in_flight`, `paused`, `oldest` in seconds or null, and whether it is
    `exact`. Raises Unavailable where the broker, or the ledger that is asked with RabbitMQ, does not answer."""
    backlog, oldest = count(settings, lambda: _ledger(settings))
    return [
        {
            "queue": one.queue,
            "queued": one.queued,
            "in_flight": one.in_flight,
            "paused": one.paused,
            "oldest": age.seconds if (age := oldest[one.queue]) else None,
            "exact": age is None or age.exact,
        }
        for one in backlog
    ]


@contextmanager
def _ledger(settings: RuntimeSettings) -> Iterator[Connection]:
    engine = connect(settings, most=1, statement_timeout=settings.database_timeout)
    try:
        with engine.begin() as connection:
            yield connection
    except (*LOST, DBAPIError) as error:
        raise Unavailable(f"PostgreSQL does not answer: {waiting.reason_of(error)}") from error
    finally:
        engine.dispose()


def main() -> None:
    """The process: status 1 and a sentence where the figures cannot be had."""
    try:
        sys.stdout.write(json.dumps(read(load(RuntimeSettings))))
    except (SettingsError, Unavailable) as error:
        sys.exit(f"penstock: {error.message}")


if __name__ == "__main__":
    main()
