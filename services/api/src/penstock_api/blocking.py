"""Calls that gevent cannot interrupt or switch, and waits that it can."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import gevent

P = ParamSpec("P")
R = TypeVar("R")


def in_thread(function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
    """Call what blocks natively (object storage) in a thread of the hub's pool, so that other requests go on."""
    result: R = gevent.get_hub().threadpool.apply(function, args, named)
    return result


@contextmanager
def within(seconds: float, otherwise: Callable[[], Exception]) -> Iterator[None]:
    """Raise `otherwise()` when what is inside still waits after so many seconds.

    It is interrupted by gevent.Timeout, which is no Exception: SQLAlchemy then throws the interrupted connection away.
    """
    timeout = gevent.Timeout(seconds)
    timeout.start()
    try:
        yield
    except gevent.Timeout as expired:
        if expired is not timeout:
            raise
        raise otherwise() from None
    except Exception as error:
        if timeout.pending:
            raise
        # Cleaning up after the interruption failed in its turn, as it does where a ping was interrupted.
        raise otherwise() from error
    finally:
        timeout.close()
