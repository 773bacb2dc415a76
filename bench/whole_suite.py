"""The whole suite as `penstock up` starts it, the single worker that it replaces, and a mail server."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from bench.running import ROOT, UNLIMITED, Ground

from penstock_cli.local import suite
from penstock_cli.local.ports import HOST, free_port
from penstock_cli.local.processes import Program
from penstock_cli.local.state import State
from penstock_cli.settings import CliSettings
from penstock_contracts.queues import MAIL, QUEUES
from penstock_runtime.settings import load

SPLIT, SHARED, STOCK = "split", "shared", "shared, stock Celery"
"""Who does the jobs: a worker for each queue; the single one of the old command; the same on stock Celery."""

OLD_COMMAND = "worker -P gevent -c 1 --loglevel INFO -Q dataset,generation,mail,ops_trace"
APPS: Mapping[str, str] = {SHARED: "app.celery", STOCK: "bench.stock_suite.celery"}


@dataclass(frozen=True)
class Suite:
    """Its programs, where its API answers, and a key for it."""

    programs: tuple[Program, ...]
    api_url: str
    key: str

    @classmethod
    def of(cls, ground: Ground, smtp_port: int) -> "Suite":
        """On this ground, with mails for this port and no bound on any rate. Nothing is started."""
        settings = load(
            CliSettings,
            CELERY_BROKER_URL=ground.redis_url,
            PENSTOCK_DATABASE_URL=ground.database_url,
            smtp_host=HOST,
            log_format="json",
        )
        ports = suite.Ports(free_port(), 0, smtp_port, 0, 0)
        more = {
            "PENSTOCK_SMTP_HOST": HOST,
            "PENSTOCK_SMTP_PORT": str(smtp_port),
            "PENSTOCK_REGISTRATION_RATE": UNLIMITED,
            "PENSTOCK_API_ADDRESS_RATE": UNLIMITED,
            "PENSTOCK_API_KEY_RATE": UNLIMITED,
        }
        programs = suite.services(State(ground.folder), settings, ports, "a key that only this run knows")
        told = [replace(program, environment={**program.environment, **more}) for program in programs]
        return cls(tuple(told), ports.api_url, ground.key)

    def workers(self, whose: str) -> list[Program]:
        """Of SPLIT, SHARED or STOCK."""
        own = [program for program in self.programs if program.name in {queue.service for queue in QUEUES}]
        if whose == SPLIT:
            return own
        [mail] = (program for program in own if program.name == MAIL.service)
        command = [sys.executable, "-m", "celery", "-A", APPS[whose], *OLD_COMMAND.split()]
        return [
            replace(mail, name="worker", command=command, environment={**mail.environment, "PYTHONPATH": str(ROOT)})
        ]

    @property
    def others(self) -> list[Program]:
        """All but the workers: the API and the scheduler."""
        workers = self.workers(SPLIT)
        return [program for program in self.programs if program not in workers]

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Of the API, with the key. For threads too."""
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.api_url, headers=headers, timeout=60, trust_env=False) as client:
            yield client


class Mailbox:
    """A mail server that only notes when it got a mail for whom."""

    def __init__(self) -> None:
        self.port = free_port()
        self.got: dict[str, list[float]] = {}
        self._controller = Controller(self, HOST, self.port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Called by aiosmtpd with a whole mail."""
        self.got.setdefault(envelope.rcpt_tos[0], []).append(time.monotonic())
        return "250 taken"

    def __enter__(self) -> "Mailbox":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
