"""One HTTP call to a place that was checked before. No redirect, no proxy, no name server asked again."""

import io
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

from penstock_runtime.errors import Retryable
from penstock_worker_opstrace.addresses import PORTS, Place
from penstock_worker_opstrace.settings import OpsTraceSettings


@dataclass(frozen=True)
class Call:
    """What is to be sent. The URL is in its canonical form."""

    url: str
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Answer:
    """What is kept of an answer."""

    status: int
    retry_after: str | None


def post(call: Call, places: Sequence[Place], settings: OpsTraceSettings, tls: ssl.SSLContext) -> Answer:
    """POST to one of `places`, within `webhook_timeout` for all of it.

    Raises Retryable where no answer comes (webhook_unreachable), or no certificate that is the host's
    (webhook_tls_failed).
    """
    deadline = monotonic() + settings.webhook_timeout
    host = urlsplit(call.url).hostname or ""
    try:
        with _connect(places, settings.webhook_connect_timeout, deadline) as connection, _cut(connection, deadline):
            return _talk(connection, call, settings.webhook_answer_bytes, tls)
    except TimeoutError as error:
        raise Retryable(f"{host} did not answer in time", code="webhook_unreachable") from error
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", error.reason)
        raise Retryable(f"no trusted TLS connection to {host}: {reason}", code="webhook_tls_failed") from error
    except (OSError, HTTPException) as error:
        reason = type(error).__name__
        raise Retryable(f"{host} did not answer ({reason})", code="webhook_unreachable") from error


def _connect(places: Sequence[Place], timeout: float, deadline: float) -> socket.socket:
    """A connection to the first of the places that takes one. Raises OSError."""
    failed: OSError = TimeoutError()
    for place in places:
        connection = socket.socket(place.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(min(timeout, deadline - monotonic()), 0.001))
            connection.connect(place.address)
        except OSError as error:
            connection.close()
            failed = error
        else:
            connection.settimeout(None)
            return connection
    raise failed


@contextmanager
def _cut(connection: socket.socket, deadline: float) -> Iterator[None]:
    """Cut a connection at a moment, whatever is being waited for. Raises TimeoutError where that broke something off.

    A socket's own time-out begins anew with each byte. What is shut down is a duplicate, since TLS takes the original
    away. Under gevent the timer is a greenlet.
    """
    late = threading.Event()
    with connection.dup() as line:

        def cut() -> None:
            late.set()
            with suppress(OSError):  # the other side was quicker
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(deadline - monotonic(), 0), cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, HTTPException) as error:
            if late.is_set():
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
            timer.join()


def _talk(connection: socket.socket, call: Call, most: int, tls: ssl.SSLContext) -> Answer:
    parts = urlsplit(call.url)
    if parts.scheme == "http":
        return _exchange(connection, call, most)
    # The certificate must be for the URL's name, whatever address was called.
    with tls.wrap_socket(connection, server_hostname=(parts.hostname or "").removesuffix(".")) as secure:
        return _exchange(secure, call, most)


def _exchange(connection: socket.socket, call: Call, most: int) -> Answer:
    parts = urlsplit(call.url)
    http = HTTPConnection(parts.hostname or "", parts.port or PORTS[parts.scheme])
    http.sock = cast(socket.socket, _Line(connection, most))  # http.client uses no more of a socket than this has
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    http.request("POST", target, call.content, {**call.headers, "Host": parts.netloc, "Connection": "close"})
    with http.getresponse() as answer:
        # Its body is nothing to us, but in many a receiver's log it is an error when the caller leaves before its end.
        with suppress(OSError, HTTPException):
            answer.read()
        return Answer(answer.status, answer.getheader("Retry-After"))


class _Line:
    """A socket for http.client, from which so many bytes can be read: status, headers and body together end there."""

    def __init__(self, connection: socket.socket, most: int) -> None:
        self._connection = connection
        self._most = most

    def sendall(self, data: bytes) -> None:
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(self._connection, self._most))

    def close(self) -> None:
        """Left to whoever opened the connection: http.client closes before it reads the body."""


class _Bounded(io.RawIOBase):
    def __init__(self, connection: socket.socket, most: int) -> None:
        self._connection = connection
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            return 0
        read = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= read
        return read
