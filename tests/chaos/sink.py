"""A real SMTP server that counts what it has taken: every delivery of a Message-ID, not only the first."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from random import Random
from typing import Any

from aiosmtpd.controller import Controller

THINKS = (0.02, 0.6)
"""Seconds before it answers a recipient, as servers do that look the sender up: jobs are then caught running."""


class Sink:
    """Deliveries by Message-ID: the times (`time.time()`) of the 250 to their DATA."""

    def __init__(self, seed: int, thinks: tuple[float, float]) -> None:
        self.deliveries: defaultdict[str, list[float]] = defaultdict(list)
        self._random = Random(seed)
        self._thinks = thinks

    async def handle_RCPT(
        self, server: object, session: object, envelope: Any, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self._random.uniform(*self._thinks))
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.deliveries[str(message_from_bytes(envelope.content)["Message-ID"])].append(time.time())
        return "250 OK"


@contextmanager
def smtp_sink(port: int, seed: int, thinks: tuple[float, float] = THINKS) -> Iterator[Sink]:
    """A sink that listens on this port of 127.0.0.1, and takes so many seconds to think."""
    sink = Sink(seed, thinks)
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
