"""The two servers: SMTP takes mails, HTTP shows them. Both on 127.0.0.1."""

import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from aiosmtpd.smtp import SMTP, Envelope, Session

from penstock_cli.mail_page.mailbox import Mailbox
from penstock_cli.mail_page.pages import Page, page

HOST = "127.0.0.1"
SMTP_TIMEOUT = 60
"""Seconds an SMTP client may be silent."""

HTTP_TIMEOUT = 10
"""Seconds a browser may take to send its request."""


class Receiver:
    """What aiosmtpd calls with a mail that was received whole."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail: 250 once it is on disk, 452 (RFC 5321 4.2.3) where the disk does not take it."""
        content = envelope.content
        try:
            mail_id = self._mailbox.keep(content if isinstance(content, bytes) else (content or "").encode())
        except OSError as error:
            return f"452 not kept: {error.strerror}"
        return f"250 kept as {mail_id}"


def page_server(mailbox: Mailbox, port: int) -> ThreadingHTTPServer:
    """A server for the pages, not yet serving.

    It answers only to its own name, so that no web page elsewhere can read the mails through a name of its
    own that points here.
    """
    unknown = Page(403, b"unknown host name", "text/plain; charset=utf-8")

    class Handler(BaseHTTPRequestHandler):
        timeout = HTTP_TIMEOUT

        def do_GET(self) -> None:
            known = self.headers.get("Host") in own_names
            answer = page(mailbox, self.path) if known else unknown
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Content-Security-Policy", answer.policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the page looks again every few seconds."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    own_names = {f"{name}:{server.server_port}" for name in (HOST, "localhost")}
    return server


async def serve(mailbox: Mailbox, *, smtp_port: int, page_port: int, mail_bytes: int) -> None:
    """Take mails of at most `mail_bytes` and show them, until cancelled. When the page answers, SMTP does too."""
    receiver = Receiver(mailbox)

    def session() -> SMTP:
        return SMTP(
            receiver,
            data_size_limit=mail_bytes,
            enable_SMTPUTF8=True,
            ident="penstock",
            timeout=SMTP_TIMEOUT,
        )

    async with await asyncio.get_running_loop().create_server(session, HOST, smtp_port) as smtp:
        pages = page_server(mailbox, page_port)
        Thread(target=pages.serve_forever, daemon=True).start()
        try:
            await smtp.serve_forever()
        finally:
            pages.shutdown()
            pages.server_close()
