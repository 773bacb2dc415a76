"""A suite as `make up` starts it, and a folder that looks like the root of the repository."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from documents.shell import Shell
from processes import eventually

from penstock_cli.local.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
NOT_SEEN = (".git", ".penstock")
"""What of the repository the commands do not find: its history, and the state of a suite that is not theirs."""

SUITE = {"PENSTOCK_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8", "PENSTOCK_API_WORKERS": "1"}
"""Receivers of webhooks are on this machine, and one process is enough."""

RECEIVER = 8090
"""The port of a receiver of webhooks in the documents."""

UP = [sys.executable, "-c", "from penstock_cli.main import main; main()", "up", "--state", ".penstock"]


@dataclass(frozen=True)
class Suite:
    """A suite that runs, and the folder in which the documents' commands are typed."""

    folder: Path
    addresses: dict[str, str]
    environment: dict[str, str]

    def here(self, commands: str) -> str:
        """Commands as they are typed against this suite."""
        for documented, actual in self.addresses.items():
            commands = commands.replace(documented, actual)
        return commands

    def as_documented(self, output: str) -> str:
        """What was printed, as a suite on the usual ports would have printed it."""
        for documented, actual in self.addresses.items():
            output = output.replace(actual, documented)
        return output


@pytest.fixture(scope="session")
def suite(servers_folder: Path) -> Iterator[Suite]:
    folder = servers_folder / "documents"
    folder.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in NOT_SEEN:
            (folder / entry.name).symlink_to(entry)
    ports = {f"--{name}-port": str(free_port()) for name in ("api", "mail-page", "smtp", "redis", "postgres")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "CELERY_"))}
    environment = clean | {"PATH": f"{Path(sys.executable).parent}:{clean['PATH']}", "TZ": "UTC"}
    log = servers_folder / "documents.log"
    with log.open("wb") as into:
        process = subprocess.Popen(
            [*UP, *(word for pair in ports.items() for word in pair)],
            cwd=folder,
            env=environment | SUITE,
            stdin=subprocess.DEVNULL,
            stdout=into,
            stderr=into,
        )
    try:
        started = lambda: b"API documentation: " in log.read_bytes()  # noqa: E731
        eventually(lambda: started() or process.poll() is not None, "the suite runs", seconds=120)
        assert started(), log.read_text()
        actual = {8000: ports["--api-port"], 8025: ports["--mail-page-port"], RECEIVER: free_port()}
        addresses = {f"127.0.0.1:{port}": f"127.0.0.1:{free}" for port, free in actual.items()}
        yield Suite(folder, addresses, environment)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture
def open_shell(suite: Suite, tmp_path: Path) -> Iterator[Callable[[str], Shell]]:
    """Open a shell for the document of that name. All are closed after the test."""
    opened: list[Shell] = []

    def open_one(name: str) -> Shell:
        scratch = tmp_path / name.replace("/", "-")
        scratch.mkdir()
        opened.append(Shell(suite.folder, scratch, suite.environment))
        return opened[-1]

    yield open_one
    for shell in opened:
        shell.close()
