"""Bytes sent to a server as they are, and what it answers before it closes the connection."""

import http.client
import select
import socket
import time
from dataclasses import replace
from io import BytesIO
from urllib.parse import unquote

import httpx
import psutil
from bad_input.rows import Request
from contract import Exchange
from processes import eventually

BOUND = 20
"""Seconds within which the server has answered or closed the connection, whatever it was sent."""


def exchange(port: int, request: Request, names: dict[str, str]) -> bytes:
    """Send a request, and return all that comes back. Raises TimeoutError after `BOUND` seconds."""
    for name, value in names.items():
        request = replace(request, body=request.body.replace(b"{%s}" % name.encode(), value.encode()))
    head = request.head()  # it tells the body's length
    for name, value in names.items():
        head = head.replace(f"{{{name}}}", value)
    until = time.monotonic() + BOUND
    with socket.socket() as connection:
        if request.deaf:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(BOUND)
        connection.connect(("127.0.0.1", port))
        _send(connection, head.encode() + request.body, request, until)
        return _receive(connection, until)


def _send(connection: socket.socket, first: bytes, request: Request, until: float) -> None:
    try:
        connection.sendall(first)
        for piece in request.rest():
            if select.select([connection], [], [], request.pause)[0] or time.monotonic() > until:
                return
            connection.sendall(piece)
        if request.deaf:
            _wait_for_the_end(connection)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it does not read to the end what it has refused


def _wait_for_the_end(connection: socket.socket) -> None:
    """Wait until the server has closed the connection, and read nothing.

    What it has sent before stands in the way of its FIN: only that no process holds the other end tells of it.
    """
    here = connection.getsockname()

    def has_closed() -> bool:
        return not any(one.raddr == here and one.pid for one in psutil.net_connections("tcp4"))

    eventually(has_closed, "the server closes the connection", seconds=BOUND)


def _receive(connection: socket.socket, until: float) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
            connection.settimeout(max(0.01, until - time.monotonic()))
    except ConnectionResetError:
        pass
    return received


def parsed(received: bytes, request: Request) -> Exchange:
    """The bytes as an answer to this request."""
    answer = http.client.HTTPResponse(_Bytes(received), method=request.method)  # type: ignore[arg-type]  # enough of one
    answer.begin()
    path = unquote(request.target.partition("?")[0])
    return Exchange(request.method, path, answer.status, httpx.Headers(answer.getheaders()), answer.read())


class _Bytes:
    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, _: str) -> BytesIO:
        return BytesIO(self._received)
