"""A receiver of webhooks that keeps what it is sent, and answers byte for byte as a test tells it to."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import parse_headers
from typing import Any

import pytest

from penstock_contracts.webhook_url import canonical
from penstock_runtime.settings import load
from penstock_worker_opstrace.delivery import deliver
from penstock_worker_opstrace.post import Call
from penstock_worker_opstrace.settings import OpsTraceSettings

TOOK_IT = b"HTTP/1.1 204 No Content\r\n\r\n"

Answer = bytes | Callable[[socket.socket], None]


@dataclass(frozen=True)
class Request:
    """One call as it came in. Names of headers are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server on 127.0.0.1. `answers` are given in turn, the last one for ever."""

    def __init__(self, answers: tuple[Answer, ...], tls: ssl.SSLContext | None) -> None:
        self.requests: list[Request] = []
        self._answers = answers
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?key=a%20b"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):  # a test may have closed it
            # Closing alone does not wake the thread that accepts.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if self._tls is None:
                self._answer(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secure:
                    self._answer(secure)

    def _answer(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            line = stream.readline().decode().strip()
            headers = {name.lower(): value for name, value in parse_headers(stream).items()}
            body = stream.read(int(headers.get("content-length", 0)))
        answer = self._answers[min(len(self.requests), len(self._answers) - 1)]
        self.requests.append(Request(line, headers, body))
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer)


@pytest.fixture
def start() -> Iterator[Callable[..., Receiver]]:
    """Start receivers: `start(answer, answer, …, tls=…)`."""
    running: list[Receiver] = []

    def start_one(*answers: Answer, tls: ssl.SSLContext | None = None) -> Receiver:
        running.append(Receiver(answers or (TOOK_IT,), tls))
        return running[-1]

    yield start_one
    for receiver in running:
        receiver.close()


@pytest.fixture
def ops_settings() -> Callable[..., OpsTraceSettings]:
    """Settings under which this machine may be called, unless a test says otherwise."""

    def make(**values: Any) -> OpsTraceSettings:
        defaults = {"secret_key": "a key that only tests know", "webhook_allowed_networks": "127.0.0.0/8"}
        return load(OpsTraceSettings, **defaults | values)

    return make


@pytest.fixture
def call(ops_settings: Callable[..., OpsTraceSettings]) -> Callable[..., int]:
    """Deliver something to a URL under some settings: the receiver's status, or the error."""

    def deliver_to(url: str, **values: Any) -> int:
        return deliver(Call(canonical(url), {}, b"{}"), ops_settings(**values), ssl.create_default_context())

    return deliver_to
