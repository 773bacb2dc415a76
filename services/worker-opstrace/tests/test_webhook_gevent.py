"""The pool is gevent's: while one receiver is slow the others are called, and the bound of each call holds."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat

CALLS = 10
CALLER = """
from gevent import monkey, spawn, joinall
monkey.patch_all()
import ssl, sys
from penstock_runtime.errors import Retryable
from penstock_runtime.settings import load
from penstock_worker_opstrace.delivery import deliver
from penstock_worker_opstrace.post import Call
from penstock_worker_opstrace.settings import OpsTraceSettings

settings = load(OpsTraceSettings, webhook_allowed_networks="127.0.0.0/8", webhook_timeout=float(sys.argv[1]))
tls = ssl.create_default_context()

def call(url):
    try:
        print(deliver(Call(url, {}, b"{}"), settings, tls))
    except Retryable as error:
        print(error.message)

joinall([spawn(call, url) for url in sys.argv[2:]], raise_error=True)
"""

Answer = Callable[[list[socket.socket], "subprocess.Popen[str]"], None]


def calls_of(schemes: str, answer: Answer, *, timeout: float) -> list[str]:
    """What ten calls at once came to. Nobody is answered before all are there: one after the other, they would wait."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        urls = [f"{scheme}://127.0.0.1:{server.getsockname()[1]}/" for scheme in schemes.split()]
        urls = (urls * CALLS)[:CALLS]
        command = [sys.executable, "-c", CALLER, str(timeout), *urls]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as calling, accepted(server) as connections:
            answer(connections, calling)
            output, _ = calling.communicate(timeout=60)
    return output.splitlines()


@contextmanager
def accepted(server: socket.socket) -> Iterator[list[socket.socket]]:
    connections = [server.accept()[0] for _ in range(CALLS)]
    yield connections
    for connection in connections:
        connection.close()


def test_calls_wait_for_their_receivers_at_the_same_time() -> None:
    def take_all(connections: list[socket.socket], _: "subprocess.Popen[str]") -> None:
        for connection in connections:
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)

    assert calls_of("http", take_all, timeout=30) == ["204"] * CALLS


def test_a_receiver_that_trickles_is_left_in_time_also_within_its_tls_handshake() -> None:
    def trickle(connections: list[socket.socket], calling: "subprocess.Popen[str]") -> None:
        # The head of a long TLS record, and then ever more of the record; for HTTP a line without end.
        pause = threading.Event()
        for byte in chain(b"\x16\x03\x03\x40\x00", repeat(0)):
            if calling.poll() is not None:
                return
            for connection in connections:
                with suppress(OSError):
                    connection.sendall(bytes([byte]))
            pause.wait(0.02)

    said = calls_of("http https", trickle, timeout=0.5)
    assert said == ["127.0.0.1 did not answer in time"] * CALLS
