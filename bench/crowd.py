"""Many consumers of one queue, each a process with plain kombu and no Celery: what a push costs them all.

`python -m bench.crowd COUNT TRANSPORT URL` forks that many, which take and acknowledge until SIGTERM.
"""

import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

import kombu.transport.redis  # noqa: F401  # before the forks, so that all share it
from bench.worker_app import OURS, QUEUE
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

READY = b"ready\n"
"""Written by each consumer once it has taken its place."""


def consume(transport: str, url: str) -> None:
    """Take and acknowledge for ever, one message at a time."""
    name = "penstock_runtime.transport:Transport" if transport == OURS else "redis"
    with Connection(url, transport=name) as connection:
        queue = Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE)
        with connection.Consumer(queue, callbacks=[_acknowledge], accept=["json"], prefetch_count=1):
            os.write(1, READY)
            while True:
                with suppress(socket.timeout):
                    connection.drain_events(timeout=2)


def _acknowledge(_: Any, message: Any) -> None:
    message.ack()


def main() -> None:
    count, transport, url = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    children = []
    for _ in range(count):
        child = os.fork()
        if not child:
            # The transport is imported here, in the child, so that each is a process of its own to it.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            consume(transport, url)
        children.append(child)

    def end(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)
        for child in children:
            os.waitpid(child, 0)
        sys.exit()

    signal.signal(signal.SIGTERM, end)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
