"""A real SMTP server that keeps what it gets, and answers as a test tells it to."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from penstock_runtime.settings import load
from penstock_worker_mail.settings import MailSettings
from penstock_worker_mail.tasks import registration_confirmation

KEY = "a key that only tests know"


@dataclass
class Answers:
    """What the server says to RCPT and to the end of DATA; `vanishes` closes the connection there instead.

    meanwhile: what happens before it answers RCPT.
    """

    rcpt: str = "250 OK"
    data: str = "250 OK"
    vanishes: bool = False
    meanwhile: Callable[[], object] | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.meanwhile:
            self.meanwhile()
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.envelopes.append(envelope)
        self.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
        if self.vanishes:
            assert server.transport is not None
            server.transport.abort()
        return self.data.replace("<body>", content.decode("utf-8").replace("\r\n", " ")[:400])


@pytest.fixture
def start() -> Iterator[Callable[..., Controller]]:
    """Start servers on free ports: `start(answers, **options of aiosmtpd)`; each has its `port`."""
    running: list[Controller] = []

    def start_one(answers: Answers, **options: Any) -> Controller:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        controller = Controller(answers, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return controller

    yield start_one
    for controller in running:
        controller.stop()


@pytest.fixture
def server() -> Answers:
    """What the SMTP server of this test answers, and what it got."""
    return Answers()


@pytest.fixture
def mail_settings(server: Answers, start: Callable[..., Controller]) -> Callable[..., MailSettings]:
    """Settings that lead to this test's SMTP server unless a test says otherwise."""

    def make(**values: Any) -> MailSettings:
        if "smtp_port" not in values:
            values["smtp_port"] = start(server).port
        defaults = {"secret_key": KEY, "public_url": "https://jobs.example.com", "smtp_timeout": 5}
        return load(MailSettings, **defaults | values)

    return make


@pytest.fixture
def task(mail_settings: Callable[..., MailSettings]) -> Any:
    """The task as the worker serves it, with this test's SMTP server."""
    return registration_confirmation(mail_settings())
