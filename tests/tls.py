"""A certificate of this machine, and a port that speaks TLS in front of a server that does not."""

import select
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """One of localhost and 127.0.0.1, signed by itself: whoever trusts the file trusts the server."""

    file: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """A new one. Its files may be read by everybody, as a server of another user has to."""
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    made.key.chmod(0o644)
    return made


class TlsPort:
    """A port on 127.0.0.1 that shows the certificate and passes on what it is sent, in the clear, to another port."""

    def __init__(self, certificate: Certificate, upstream: int) -> None:
        self._upstream = upstream
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate.file, certificate.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connections: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Refuse, and close every connection."""
        # Closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._connections.add(client)
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            upstream = socket.create_connection(("127.0.0.1", self._upstream))
            with upstream, self._context.wrap_socket(client, server_side=True) as secure:
                self._connections.add(secure)
                _pass_on(secure, upstream)


def _pass_on(secure: ssl.SSLSocket, upstream: socket.socket) -> None:
    # In one thread: OpenSSL's connections are not to be read and written by two at once.
    ends: dict[socket.socket, socket.socket] = {secure: upstream, upstream: secure}
    while True:
        readable = [secure] if secure.pending() else select.select(ends, (), ())[0]
        for end in readable:
            piece = end.recv(65_536)
            if not piece:
                return
            ends[end].sendall(piece)
