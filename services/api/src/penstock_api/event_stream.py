"""A job's changes as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from time import monotonic

import gevent

from penstock_api.listeners import Listener
from penstock_api.settings import ApiSettings
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger import JobView
from penstock_runtime.ledger.watch import Moment, moment_of

MEDIA_TYPE = "text/event-stream"

HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-store, no-transform"}
"""A proxy that gathered answers or compressed them would hold events back."""

_HEARTBEAT = ": still here\n\n"


def last_name(moment: Moment) -> str:
    """The id of the last event of a job that has ended so."""
    return f"{moment.name}-end"


def stream(
    settings: ApiSettings, listener: Listener, heard: str, read: Callable[[], JobView | None]
) -> Iterator[bytes]:
    """The events from now on; `heard` is the id of the last one that the client has.

    `read` gives the row, for the result; it raises Unavailable. A client that takes nothing for `api_listener_stall`
    seconds loses its connection.
    """
    for text in _events(settings, listener, heard, read):
        # Raised while gunicorn writes what is given here: it takes this error for a connection that has gone.
        stall = gevent.Timeout.start_new(
            settings.api_listener_stall, BrokenPipeError(errno.EPIPE, "the listener does not read")
        )
        try:
            yield text.encode()
        finally:
            stall.close()


def _events(settings: ApiSettings, listener: Listener, heard: str, read: Callable[[], JobView | None]) -> Iterator[str]:
    until = monotonic() + settings.api_listener_seconds
    yield f"retry: {round(settings.api_listener_retry * 1000)}\n\n"
    while not listener.ended:
        moment = listener.moment
        if moment.name != heard and last_name(moment) != heard:
            heard = moment.name
            yield _event("state", heard, asdict(moment))
        if moment.is_last and (last := _last(read)) is not None:
            yield last
            return
        left = until - monotonic()
        if left <= 0:
            return
        pause = settings.api_watch_every if moment.is_last else settings.api_heartbeat
        if not listener.wait(min(pause, left)) and left > pause and not moment.is_last:
            yield _HEARTBEAT


def _last(read: Callable[[], JobView | None]) -> str | None:
    """The last event; None where it cannot be read just now, or the job was started over meanwhile."""
    try:
        view = read()
    except Unavailable:
        return None
    if view is None or not moment_of(view).is_last:
        return None
    moment = moment_of(view)
    return _event("end", last_name(moment), asdict(moment) | {"result": view.result, "error": view.error})


def _event(kind: str, name: str, data: dict[str, object]) -> str:
    # JSON as written here has no line breaks, so that one line of data is enough.
    return f"id: {name}\nevent: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
