"""A mail server of the tests' own: it takes every message and writes down when, for whom, and under which Message-ID.

Each line of /mail/deliveries is one 250 to a DATA: the time, the recipient, the Message-ID. How many seconds it thinks
before it answers a recipient stands in /mail/thinks.
"""

import asyncio
import time
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

PORT = 2525
DELIVERIES = Path("/mail/deliveries")
THINKS = Path("/mail/thinks")


class Mailbox:
    """Takes what comes."""

    async def handle_RCPT(
        self, server: object, session: object, envelope: Any, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(float(THINKS.read_text()) if THINKS.exists() else 0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        message_id = message_from_bytes(envelope.content)["Message-ID"]
        with DELIVERIES.open("a") as file:
            file.write(f"{time.time():.3f} {envelope.rcpt_tos[0]} {message_id}\n")
        return "250 OK"


async def serve() -> None:
    """Listen until the process is stopped."""
    DELIVERIES.touch()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Mailbox(), loop=loop, ident="mailbox"), "0.0.0.0", PORT, backlog=1000
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
