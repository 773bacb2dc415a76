"""A port in front of a server that behaves as a bad network does: it is silent, slow, or breaks off in the middle."""

import asyncio
import math
import random
import socket
import struct
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

HOST = "127.0.0.1"

PIECE = 16_384
"""Bytes that are read at once."""

MOST_PIECES = 64
"""What is under way in each direction of a connection; then no more is read, and the sender waits."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Weather:
    """What befalls some connections for a while. ports: of these clients; None for all, also those that come."""

    until: float
    ports: frozenset[int] | None
    delay: float | None = None
    """Seconds each way; None for silence."""
    only_answers: bool = False

    def befalls(self, port: int) -> bool:
        return monotonic() < self.until and (self.ports is None or port in self.ports)


@dataclass(eq=False)
class Link:
    """One connection: a client's socket and, once it may speak, the server's."""

    client: socket.socket
    port: int
    server: socket.socket | None = None
    breaks: bool = False

    def close(self, *, reset: bool) -> None:
        for one in (self.client, self.server):
            if one is not None:
                with suppress(OSError):
                    if reset:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.close()


@dataclass(frozen=True)
class Piece:
    """Bytes under way; none at the end. due: when they arrive."""

    read_at: float
    due: float
    content: bytes = field(repr=False)


class Broken(Exception):
    """A connection was to break off here."""


class Proxy:
    """A TCP port on 127.0.0.1 that leads to another one. Fair weather until it is told otherwise, from any thread.

    port: to listen on; 0 takes a free one, which `port` then names. seed: of where `drop` cuts.
    """

    def __init__(self, target: int, port: int = 0, *, seed: int | None = None) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._weather: list[Weather] = []
        self._healed_at = -math.inf
        self._links: dict[Link, asyncio.Task[None]] = {}
        self._listener = socket.create_server((HOST, port), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def connections(self) -> set[int]:
        """The ports of the clients that are connected now."""
        return self._do(lambda: {link.port for link in self._links})

    def black_hole(
        self, seconds: float = math.inf, ports: Collection[int] | None = None, *, only_answers: bool = False
    ) -> None:
        """Pass nothing on, either way, and let nobody notice: no end, no error. New connections are taken, and silent.

        What was sent meanwhile arrives when it is over, as on a network that was parted. only_answers: what clients
        send does arrive at once.
        """
        self._do(lambda: self._befall(Weather(monotonic() + seconds, _frozen(ports), only_answers=only_answers)))

    def delay(self, seconds_each_way: float, for_seconds: float, ports: Collection[int] | None = None) -> None:
        """Pass everything on so much later, in order."""
        self._do(lambda: self._befall(Weather(monotonic() + for_seconds, _frozen(ports), seconds_each_way)))

    def drop(self, ports: Collection[int] | None = None) -> None:
        """Break off the connections there are: a part of what is sent next, either way, arrives, and then a reset."""

        def mark() -> None:
            for link in self._links:
                link.breaks = link.breaks or ports is None or link.port in ports

        self._do(mark)

    def heal(self) -> None:
        """Fair weather: what was held back arrives now, and nothing breaks off."""

        def clear() -> None:
            self._weather.clear()
            self._healed_at = monotonic()
            for link in self._links:
                link.breaks = False
            self._tell()

        self._do(clear)

    def close(self) -> None:
        """End all, and listen no longer."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _run(self) -> None:
        accepting = self._loop.create_task(self._accept())
        try:
            self._loop.run_forever()
        finally:
            tasks = [accepting, *self._links.values()]
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._listener.close()
            self._loop.close()

    def _do(self, work: Callable[[], Answer]) -> Answer:
        """Do it in the thread of the loop; it is in force when this returns."""
        answer: Future[Answer] = Future()

        def there() -> None:
            try:
                answer.set_result(work())
            except Exception as error:  # noqa: BLE001  # it is the caller's
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(there)
        return answer.result(10)

    def _befall(self, weather: Weather) -> None:
        self._weather = [one for one in self._weather if monotonic() < one.until]
        self._weather.append(weather)
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _accept(self) -> None:
        while True:
            client, address = await self._loop.sock_accept(self._listener)
            client.setblocking(False)
            link = Link(client, address[1])
            self._links[link] = self._loop.create_task(self._serve(link))

    async def _serve(self, link: Link) -> None:
        reset = True
        try:
            await self._silence_ends(link, answers=False)
            link.server = socket.socket()
            link.server.setblocking(False)
            await self._loop.sock_connect(link.server, (HOST, self._target))
            for one in (link.client, link.server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            both = ((link.client, link.server), (link.server, link.client))
            await _together(*(self._pump(link, *ends) for ends in both))
            reset = False
        except (OSError, Broken):
            pass
        finally:
            link.close(reset=reset)
            del self._links[link]

    async def _pump(self, link: Link, source: socket.socket, to: socket.socket) -> None:
        under_way: asyncio.Queue[Piece] = asyncio.Queue(MOST_PIECES)
        await _together(self._read(link, source, under_way), self._write(link, to, under_way))

    async def _read(self, link: Link, source: socket.socket, under_way: "asyncio.Queue[Piece]") -> None:
        content = b"more"
        while content:
            await self._silence_ends(link, answers=source is link.server)
            content = await self._loop.sock_recv(source, PIECE)
            now = monotonic()
            delays = [one.delay for one in self._weather if one.delay is not None and one.befalls(link.port)]
            await under_way.put(Piece(now, now + max(delays, default=0.0), content))

    async def _write(self, link: Link, to: socket.socket, under_way: "asyncio.Queue[Piece]") -> None:
        while True:
            piece = await under_way.get()
            while piece.read_at > self._healed_at and monotonic() < piece.due:
                await self._until(piece.due)
            await self._silence_ends(link, answers=to is link.client)
            if not piece.content:
                to.shutdown(socket.SHUT_WR)
                return
            if link.breaks:
                await self._loop.sock_sendall(to, piece.content[: self._random.randrange(len(piece.content))])
                raise Broken
            await self._loop.sock_sendall(to, piece.content)

    async def _silence_ends(self, link: Link, *, answers: bool) -> None:
        def silence() -> list[float]:
            found = [one for one in self._weather if one.delay is None and one.befalls(link.port)]
            return [one.until for one in found if answers or not one.only_answers]

        while silent := silence():
            await self._until(max(silent))

    async def _until(self, moment: float) -> None:
        """Or until something changes."""
        left = None if moment == math.inf else max(0.0, moment - monotonic())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), left)


def _frozen(ports: Collection[int] | None) -> frozenset[int] | None:
    return None if ports is None else frozenset(ports)


async def _together(*parts: Any) -> None:
    """Run all; when one fails, or this is cancelled, the others are ended too."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
