"""examples/flask-celery as it is, and moved as its README says: who registers gets a mail, whoever sent the task."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import redis_users
import yaml
from aiosmtpd.controller import Controller
from documents.reading import blocks_of
from processes import Running, celery, eventually

from penstock_cli.local.ports import free_port

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/flask-celery"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load((EXAMPLE / "values.yaml").read_text(encoding="utf-8"))
QUEUES = [worker["queue"] for worker in VALUES["workers"].values()]
TASK = "tasks.mail_tasks.send_registration_confirmation_email"

[ONE_FOR_ALL] = re.findall(r"^    celery (-A app\.celery worker .+)$", README, re.MULTILINE)
OF_ITS_QUEUE = VALUES["workers"]["shop-mail"]["command"][1:]


@dataclass
class Postbox:
    """An SMTP server's handler that keeps what it takes; it puts off as many mails as it is told to."""

    puts_off: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.puts_off:
            self.puts_off -= 1
            return "451 try again later"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"

    def to(self, email: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == email]


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    """A mail server and its port."""
    keeps = Postbox()
    controller = Controller(keeps, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield keeps, controller.port
    controller.stop()


@pytest.fixture
def broker_url(redis_url: str) -> str:
    """Redis for a user who may do what is documented, and touch kombu's own names, while a fleet moves from them."""
    rules = [*redis_users.keys("services", QUEUES), *redis_users.keys("stock", QUEUES), "~unacked", "~unacked_*", "&*"]
    with redis.Redis.from_url(redis_url) as client:
        return redis_users.as_user(
            client, redis_url, "shop", *rules, *redis_users.commands("services"), *redis_users.commands("stock")
        )


@dataclass(frozen=True)
class Shop:
    """The application in a folder, with what it is told; its processes end with the test."""

    folder: Path
    environment: dict[str, str]
    ends: ExitStack

    def worker(self, command: str | list[str]) -> Running:
        words = command.split() if isinstance(command, str) else command
        log = self.folder / "worker.log"
        running = celery(*words, environment=self.environment, log=log, until=" ready.", cwd=self.folder)
        self.ends.callback(lambda: running.process.is_running() and running.kill())
        return running

    def web(self) -> httpx.Client:
        """A client of its web server."""
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{(port := free_port())}", "app:app"]
        with (self.folder / "web.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        self.ends.callback(lambda: (process.terminate(), process.wait(20)))
        client = self.ends.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}"))

        def answers() -> bool:
            try:
                return client.get("/confirm/no-token").status_code == 404
            except httpx.TransportError:
                return False

        eventually(answers, f"the web server answers; it says {(self.folder / 'web.log').read_text()}")
        return client


@pytest.fixture
def shop(tmp_path: Path, broker_url: str, postbox: tuple[Postbox, int]) -> Iterator[Callable[[str], Shop]]:
    """The application as it is, `shop("old")`, or with the README's changes, `shop("moved")`."""
    environment = {
        "PATH": os.environ["PATH"],
        "CELERY_BROKER_URL": broker_url,
        "SMTP_PORT": str(postbox[1]),
        "SECRET_KEY": "a key that only tests know",
    }
    with ExitStack() as ends:

        def one(shape: str) -> Shop:
            folder = tmp_path / shape
            shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
            if shape == "moved":
                [change] = [block.text for block in blocks_of(README) if block.kind == "diff"]
                subprocess.run(["git", "apply", "-"], cwd=folder, input=f"{change}\n", text=True, check=True)
            return Shop(folder, environment, ends)

        yield one


def register(web: httpx.Client, email: str) -> None:
    assert web.post("/register", json={"email": email}).status_code == 202


def arrives(postbox: Postbox, email: str) -> str:
    """The link in the mail that arrives, once."""
    eventually(lambda: postbox.to(email), f"a mail to {email} arrives")
    [mail] = postbox.to(email)
    return re.findall(r"/confirm/\S+", mail.get_content())[0]


@pytest.mark.parametrize(("shape", "command"), [("old", ONE_FOR_ALL), ("moved", OF_ITS_QUEUE)], ids=["old", "moved"])
def test_who_registers_gets_a_mail_whose_link_confirms_the_address_also_where_it_was_put_off_once(
    shape: str, command: Any, shop: Callable[[str], Shop], postbox: tuple[Postbox, int]
) -> None:
    application, mails = shop(shape), postbox[0]
    worker, web = application.worker(command), application.web()
    assert worker.says(f"  . {TASK}\n")

    mails.puts_off = 1
    register(web, "ann@example.com")
    link = arrives(mails, "ann@example.com")

    assert worker.says("451")
    assert web.get(link).json() == {"confirmed": "ann@example.com"}
    assert web.get(link[:-1] + "-").status_code == 404
    assert not worker.says(link)
    assert web.post("/register", json={"email": "nobody"}).status_code == 422


def test_each_shape_works_on_what_the_other_one_sends(
    shop: Callable[[str], Shop], postbox: tuple[Postbox, int], redis_url: str
) -> None:
    old, moved, mails = shop("old"), shop("moved"), postbox[0]
    old_web, moved_web = old.web(), moved.web()
    with redis.Redis.from_url(redis_url) as client:
        ways = [(old_web, moved, OF_ITS_QUEUE), (moved_web, old, ONE_FOR_ALL)]
        for number, (sender, worker_of, command) in enumerate(ways):
            register(sender, f"bob{number}@example.com")
            assert client.llen("mail") == 1
            worker = worker_of.worker(command)
            arrives(mails, f"bob{number}@example.com")
            eventually(lambda: not client.exists("mail", "unacked", "unacked:mail"), "nothing is left")
            worker.process.terminate()
            worker.process.wait(20)


def test_what_the_old_worker_has_taken_and_not_begun_it_gives_back_to_the_new_one(
    shop: Callable[[str], Shop], postbox: tuple[Postbox, int], redis_url: str
) -> None:
    """Retries wait with it: it takes every message, and the mail server puts each off until it has gone."""
    old, moved, mails = shop("old"), shop("moved"), postbox[0]
    emails = [f"{name}@example.com" for name in ("cleo", "dan", "eve")]
    worker, web = old.worker(ONE_FOR_ALL), old.web()
    mails.puts_off = 1_000
    for email in emails:
        register(web, email)
    with redis.Redis.from_url(redis_url) as client:
        eventually(lambda: client.hlen("unacked") == len(emails), "it holds a retry of each")
    worker.process.terminate()
    worker.process.wait(20)
    mails.puts_off = 0

    moved.worker(OF_ITS_QUEUE)
    for email in emails:
        arrives(mails, email)


TRAPS = """
import sys
from celery import Celery

first, second = Celery("first"), Celery("second")
first.autodiscover_tasks(["tasks"], force=True)
assert "tasks" in sys.modules and "tasks.mail_tasks" not in sys.modules

def work(): pass

first.task(name="everywhere")(work)
first.task(name="here", shared=False)(work)
assert "everywhere" in second.tasks and "here" not in second.tasks
"""


def test_celery_sets_the_traps_that_the_readme_tells_of() -> None:
    for said in ('`autodiscover_tasks(["tasks"])` imports `tasks.tasks`', "without `shared=False`"):
        assert said in README
    subprocess.run([sys.executable, "-c", TRAPS], cwd=EXAMPLE, env={"PYTHONDONTWRITEBYTECODE": "1"}, check=True)
