"""A RabbitMQ of a test run's own, which may die, come back, and forget."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any
from urllib.parse import quote

import amqp
import httpx
import pytest
from processes import eventually

from penstock_cli.local.orphans import die_with_parent
from penstock_cli.local.ports import free_port

USER, PASSWORD = "suite", "@:/#[%"
"""What is special in a URL stands in the password, as it may anywhere."""

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The program itself: the one on the PATH insists on a user and on folders of the machine's."""

START = 90
"""Seconds that a busy machine may take to start one."""


def skip_without() -> None:
    """Skip where it is not installed."""
    if not PROGRAM.exists():
        pytest.skip("needs a RabbitMQ server: apt-get install rabbitmq-server")


class OwnRabbit:
    """One server with its data in `folder`, and beside it the port mapper that Erlang wants."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self.management_port, self._mapper_port, distribution_port = (free_port() for _ in range(4))
        self._environment = os.environ | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"penstock-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        }
        (folder / "plugins").write_text("[rabbitmq_management].\n")
        (folder / "rabbitmq.conf").write_text(
            f"management.tcp.port = {self.management_port}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"default_user = {USER}\n"
            # Its reader takes no #, so the password is set once the server runs.
            "default_pass = first\n"
            "collect_statistics_interval = 200\n"
        )
        self._mapper = self._start(["epmd", "-port", str(self._mapper_port)])
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Its address, with the password percent-encoded."""
        return f"amqp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/"

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # It is the starting thread's end that counts, and others than the main one start it again.
                preexec_fn=die_with_parent(signal.SIGTERM) if current_thread() is main_thread() else None,
            )

    def start(self) -> None:
        """Start it, and wait until it answers to its user."""
        self._process = self._start([str(PROGRAM)])
        eventually(self._has_user, "RabbitMQ starts", seconds=START, every=0.2)

    def _has_user(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "output").read_text()
        place = f"http://127.0.0.1:{self.management_port}/api/users/{USER}"
        wanted = {"password": PASSWORD, "tags": "administrator"}
        for password in (PASSWORD, "first"):
            try:
                answer = httpx.put(place, json=wanted, auth=(USER, password), trust_env=False, timeout=5)
            except httpx.HTTPError:
                return False
            if answer.is_success:
                return True
        return False

    def manage(self, method: str, path: str, wanted: Any = None) -> httpx.Response:
        """Ask its management API; `wanted` goes along as JSON."""
        place = f"http://127.0.0.1:{self.management_port}/api{path}"
        return httpx.request(method, place, json=wanted, auth=(USER, PASSWORD), trust_env=False, timeout=10)

    def kill(self) -> None:
        """SIGKILL it and its children at once, as a machine that loses power does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        """Have it hold its connections and say nothing."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def forget(self) -> None:
        """Kill it, lose its data, and start it again."""
        self.kill()
        shutil.rmtree(self._folder / "data")
        self.start()

    @contextmanager
    def consumer_timeout(self, *, milliseconds: int) -> Iterator[None]:
        """Have it close the channel of whoever holds a message for so long; it looks once in a while."""
        self._set("consumer_timeout", milliseconds)
        self._set("channel_tick_interval", 500)
        yield
        self._set("consumer_timeout", 1_800_000)

    @contextmanager
    def alarm(self) -> Iterator[None]:
        """Have it find that its memory is used up, so that it takes no messages."""
        self._control("set_vm_memory_high_watermark", "0")
        try:
            yield
        finally:
            self._control("set_vm_memory_high_watermark", "0.4")

    def _set(self, name: str, value: int) -> None:
        self._control("eval", f"application:set_env(rabbit, {name}, {value}).")

    def _control(self, *words: str) -> None:
        command = [str(PROGRAM.with_name("rabbitmqctl")), *words]
        subprocess.run(command, env=self._environment, check=True, capture_output=True)

    def empty(self) -> None:
        """Delete all that tests have left in it: its queues, and with them the marker of any ledger."""
        for queue in self.manage("GET", "/queues").json():
            self.manage("DELETE", f"/queues/%2F/{quote(queue['name'], safe='')}")

    def ready(self, queue: str) -> int:
        """How many messages wait in a queue; 0 too where it is not there."""
        with amqp.Connection(f"127.0.0.1:{self.port}", USER, PASSWORD, login_method="PLAIN") as connection:
            try:
                return int(connection.channel().queue_declare(queue, passive=True).message_count)
            except amqp.NotFound:
                return 0

    def take(self, queue: str) -> None:
        """Take the next message, as somebody who loses it."""
        with amqp.Connection(f"127.0.0.1:{self.port}", USER, PASSWORD, login_method="PLAIN") as connection:
            assert connection.channel().basic_get(queue, no_ack=True)

    def close(self) -> None:
        """End it."""
        self.kill()
        self._mapper.kill()
        self._mapper.wait(10)


@contextmanager
def own_rabbitmq() -> Iterator[OwnRabbit]:
    """Start one, and leave nothing of it."""
    skip_without()
    with tempfile.TemporaryDirectory(prefix="penstock-rabbitmq-", ignore_cleanup_errors=True) as folder:
        made = OwnRabbit(Path(folder))
        try:
            yield made
        finally:
            made.close()
