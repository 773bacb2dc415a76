"""Workers as users of Redis with too little and with just enough."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis
import redis_users
from processes import Running, celery, eventually

from penstock_contracts.queues import BY_NAME

FLOW = Path(__file__).parent
STARTS = " ready."
OF_THE_SHOP = ("~begun", "~where", "~ended")
"""It writes down what it does."""


@pytest.fixture
def user(redis_url: str) -> Callable[..., str]:
    """The URL for a user of these queues with more rules: `user(["shop"], "-ltrim")`."""

    def make(queues: list[str], *rules: str) -> str:
        declared = [*redis_users.keys("services", queues), "&*", *redis_users.commands("services")]
        with redis.Redis.from_url(redis_url) as client:
            return redis_users.as_user(client, redis_url, "worker", *declared, *rules)

    return make


@pytest.mark.parametrize("module", ["shop", "penstock_worker_mail.app"])
def test_a_worker_that_may_not_trim_ends_with_a_sentence_and_its_queue_is_as_it_was(
    module: str, user: Callable[..., str], environment: dict[str, str], redis_url: str
) -> None:
    queue = "shop" if module == "shop" else "mail"
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(queue, "{}")
        ended = subprocess.run(
            [sys.executable, "-m", "celery", "-A", module, "worker", "-Q", queue, "-P", "solo", "--loglevel", "INFO"],
            cwd=FLOW,
            env=environment | {"CELERY_BROKER_URL": user([queue], "-ltrim")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert client.lrange(queue, 0, -1) == [b"{}"]
        assert not client.exists(f"unacked:{queue}")
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert " needs: ACL SETUSER worker +ltrim allows it" in said
    assert "Traceback" not in said


def test_a_worker_that_has_begun_survives_the_loss_of_a_right(
    user: Callable[..., str], redis_url: str, tmp_path: Path
) -> None:
    arguments = ["-A", "shop", "worker", "-Q", "shop", "-P", "solo", "--loglevel", "INFO"]
    environment = {"CELERY_BROKER_URL": user(["shop"], *OF_THE_SHOP), "PATH": os.environ["PATH"]}
    running = celery(*arguments, environment=environment, log=tmp_path / "log", until=STARTS, cwd=FLOW)
    try:
        with redis.Redis.from_url(redis_url) as client:
            user(["shop"], *OF_THE_SHOP, "-ltrim")
            kill_clients(client)
            eventually(lambda: running.says("ACL SETUSER worker +ltrim allows it"), "it says what it lacks")
            user(["shop"], *OF_THE_SHOP)
            send(redis_url)
            eventually(lambda: client.lrange("ended", 0, -1) == [b"1"], "it goes on once it may")
    finally:
        running.kill()


def test_remote_control_and_events_work_for_that_user(
    start: Callable[..., Running], environment: dict[str, str], redis_url: str, tmp_path: Path
) -> None:
    app = "penstock_worker_mail.app"
    start("-A", app, "worker", "-E", "-Q", "mail", "-P", "gevent", "--loglevel", "INFO", until=STARTS)

    def ask(*command: str) -> str:
        arguments = [sys.executable, "-m", "celery", "-A", app, *command]
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "pong" in ask("inspect", "ping", "--timeout", "5")
    assert "mail" in ask("inspect", "active_queues", "--timeout", "5")
    ask("purge", "-f", "-Q", "mail")
    log = tmp_path / "events"
    with log.open("wb") as output:
        events = psutil.Popen(
            [sys.executable, "-m", "celery", "-A", app, "events", "--dump"], env=environment, stdout=output
        )
    try:
        eventually(lambda: b"heartbeat" in log.read_bytes(), "an event is seen")
    finally:
        events.kill()
        events.wait(10)
    with redis.Redis.from_url(redis_url) as client:
        refused = client.execute_command("ACL", "LOG")
        assert [one for one in refused if b"services" in one] == []


def kill_clients(client: "redis.Redis") -> None:
    """Cut the connections of the worker, whose next ones are another login."""
    for one in client.client_list():
        if one.get("user") == "worker":
            client.client_kill_filter(_id=one["id"])


def send(url: str) -> None:
    """One task, as a stock Celery client sends it."""
    from celery import Celery

    with Celery(broker=url, set_as_current=False) as app:
        app.send_task("pack", (1, 0), queue="shop")


def test_the_queues_of_the_declaration_are_the_suites() -> None:
    assert {f"~{name}" for name in BY_NAME} < set(redis_users.keys("services", BY_NAME))
