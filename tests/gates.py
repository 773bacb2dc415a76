"""A port in front of a server that lets through, hangs, or refuses, as a network does."""

import socket
import threading
from contextlib import suppress


class Gate:
    """A TCP port on 127.0.0.1 that leads to another one. It begins open."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self.pieces = 0  # passed on so far, in both directions: a statement and its answer are two
        self._flowing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listens = False
        self._let_in()

    def let_through(self) -> None:
        """Pass on everything, also what was held back."""
        if not self._listens:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._let_in()
        self._flowing.set()

    def hang(self) -> None:
        """Take connections and bytes, and pass on nothing, as a stopped process does."""
        self._flowing.clear()

    def refuse(self) -> None:
        """Close all connections and take no more, as a machine without the process does."""
        self._listens = False
        # Closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        for thread in list(self._threads):
            while thread.is_alive():  # a connection may just have been let in
                self._cut()
                thread.join(0.1)
        self._threads.clear()

    def _cut(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Refuse for good."""
        if self._listens:
            self.refuse()

    def _let_in(self) -> None:
        self._listens = True
        self._flowing.set()
        self._start(self._accept, self._listener)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while self._listens:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                client.close()
                continue
            self._connections |= {client, server}
            self._start(self._both_ways, client, server)

    def _both_ways(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        for one in (client, server):
            self._connections.discard(one)
            one.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                self._flowing.wait()
                target.sendall(piece)
                self.pieces += 1
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
