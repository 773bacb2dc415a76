"""kombu's Redis transport over our channels: the two loops that a consumer may run in."""

import socket
import sys
from contextlib import suppress
from queue import Empty
from threading import get_ident
from typing import Any

from kombu.transport import redis as stock
from kombu.utils.eventio import ERR, READ

from penstock_runtime.native import is_patched
from penstock_runtime.transport.channel import Channel
from penstock_runtime.transport.sentinel import SentinelChannel

LONGEST = 2.0
"""Seconds that a loop waits at most, whatever is due. As long as Celery's own: it looks then whether it is to end."""


class Poller(stock.MultiChannelPoller):
    """Gives channels their turns: when Redis tells of a change, when something was settled, and from time to time."""

    def __init__(self) -> None:
        super().__init__()
        self._green: Any = None
        if is_patched() and sys.platform == "linux":  # elsewhere there is no epoll
            from penstock_runtime.transport.green_poller import GreenPoller

            self.poller = self._green = GreenPoller()
        self._wires: dict[int, Any] = {}
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self._waiting = False
        self._thread_of_loop: int | None = None
        self._loop: Any = None

    def on_poll_init(self, poller: Any) -> None:
        """A Celery worker's loop has begun."""
        self.poller = poller

    def on_poll_start(self) -> None:
        """Before each wait of such a loop: all turns, and what is to be listened to."""
        if self._turns():
            # The pool may have had its say in this round already, and would send what came now after the wait.
            self._ring()
        for channel in list(self._channels):
            self._attend(channel)

    def join(self, loop: Any) -> None:
        """Be able to end the waits of a Celery worker's loop."""
        self._thread_of_loop, self._loop = get_ident(), loop
        loop.add_reader(self._a_bell(), self._silence)

    def _attend(self, channel: Any) -> None:
        if channel.active_queues:
            fileno = channel.wire.fileno()
            if self._wires.get(fileno) is not channel:
                self._wires[fileno] = channel
                self.poller.register(fileno, READ | ERR)
        if channel.active_fanout_queues:
            self._register_LISTEN(channel)

    def forget_wire(self, fileno: int) -> None:
        """A channel's connection is about to be closed."""
        if self._wires.pop(fileno, None) is not None:
            with suppress(KeyError, ValueError, OSError):
                self._unregister_from_poll(fileno)

    @property
    def fds(self) -> dict[int, Any]:
        """What a Celery worker's loop listens to."""
        return {**self._fd_to_chan, **self._wires}

    def on_readable(self, fileno: int) -> None:
        """Something came. The turn itself follows before the next wait."""
        channel = self._wires.get(fileno)
        if channel is not None:
            channel.heed()
        else:
            super().on_readable(fileno)

    def get(self, callback: Any, timeout: float | None = None) -> None:
        """For consumers without a loop of Celery's: deliver, or wait and deliver. Raises Empty after `timeout`."""
        self._in_protected_read = True
        try:
            delivered = self._turns()
            if delivered and not any(channel.active_fanout_queues for channel in self._channels):
                return
            # Broadcasts have their turn too, however many messages wait.
            if self._wait(0 if delivered else timeout) or delivered:
                return
            if not self._turns():
                raise Empty
        finally:
            self._in_protected_read = False
            while self.after_read:
                self.after_read.pop()()

    def _turns(self) -> int:
        delivered = 0
        for channel in list(self._channels):
            delivered += channel.work(float("inf") if channel.outlives else 1)
        if delivered and self._green is not None:
            self._green.give_way()
        return delivered

    def _wait(self, timeout: float | None) -> bool:
        """Whether the caller has something to do now: a broadcast came, or somebody rang."""
        self.maybe_refresh_binding_expiry()
        for channel in self._channels:
            self._attend(channel)
        consuming = [channel.seconds_to_wait() for channel in self._channels if channel.active_queues]
        longest = min([LONGEST, *consuming] if timeout is None else [LONGEST, timeout, *consuming])
        bell = self._listen_to_bell()
        self._waiting = True
        events = self.poller.poll(longest)
        self._waiting = False
        rung = False
        for fileno, event in events or ():
            if fileno == bell:
                rung = self._silence()
            elif fileno in self._wires:
                self._wires[fileno].heed()
            elif fileno in self._fd_to_chan:
                self.handle_event(fileno, event)
                rung = True  # also for the answer to a subscription, as kombu's own does
            # Any other is the pool's: a worker's loop shares its poller, and answers it later.
        return rung

    def _listen_to_bell(self) -> int:
        if self._bell is None:
            self.poller.register(self._a_bell(), READ)
        return self._a_bell()

    def _a_bell(self) -> int:
        if self._bell is None:
            self._bell = socket.socketpair()
            for end in self._bell:
                end.setblocking(False)
        return self._bell[0].fileno()

    def ring(self) -> None:
        """End the wait under way, from any thread: something was settled, and Redis is to hear of it."""
        if self._waiting or self._thread_of_loop not in (None, get_ident()):
            self._waiting = False
            self._ring()

    def remind(self, seconds: float) -> None:
        """End the wait of a Celery worker's loop after so long, if nothing else has ended it."""
        if self._loop is not None:
            self._loop.call_later(seconds, bool)

    def _ring(self) -> None:
        bell = self._bell  # which the loop's thread may take away
        if bell is not None:
            with suppress(OSError):  # it rings already
                bell[1].send(b"!")

    def _silence(self) -> bool:
        assert self._bell is not None
        with suppress(OSError):
            self._bell[0].recv(4096)
        return True

    def handle_event(self, fileno: int, event: int) -> Any:
        """Fan-out: whether a broadcast was delivered."""
        if fileno not in self._fd_to_chan:
            return None
        if event & READ:
            channel, kind = self._fd_to_chan[fileno]
            return channel.handlers[kind]()
        return super().handle_event(fileno, event)

    def maybe_restore_messages(self) -> None:
        """Nothing: what was abandoned is looked for beside the loop."""

    def maybe_check_brpop_health(self) -> None:
        """Nothing: there is no BRPOP, and a claim has a time-out."""

    def maybe_reauth(self) -> None:
        """Fan-out only."""
        for channel in self._channels:
            with suppress(*channel.connection_errors):
                channel._flush_listen_reauth()

    def close(self) -> None:
        """Forget all."""
        self._wires.clear()
        if self._bell is not None:
            with suppress(KeyError, ValueError, OSError):
                self._unregister_from_poll(self._bell[0].fileno())
            for end in self._bell:
                end.close()
            self._bell = None
        super().close()


class Transport(stock.Transport):
    """For redis:// and rediss://."""

    Channel = Channel

    outlives = False
    """Set by a worker's consumer: what was delivered goes on when the connection ends."""

    slots = float("inf")
    """Set by the same: how many tasks its pool runs at once. What it has beyond that is a reserve."""

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self.cycle: Any = Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Join a Celery worker's loop."""
        super().register_with_event_loop(connection, loop)
        self.cycle.join(loop)


class SentinelTransport(Transport):
    """For sentinel://."""

    default_port: Any = 26379
    Channel = SentinelChannel
