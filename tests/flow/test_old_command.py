"""The commands of the application that Penstock takes over from, word for word."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import redis
from processes import Running, eventually

from penstock_contracts.ops_trace import USER_ACTIONS
from penstock_contracts.tasks import TASKS
from penstock_runtime.broker import make_app
from penstock_runtime.settings import RuntimeSettings, load

ROOT = Path(__file__).parents[2]
PASSWORD = "@:/#[%"

Start = Callable[..., Running]


@pytest.fixture
def guarded(redis_url: str, database_url: str) -> Iterator[dict[str, str]]:
    """Broker and results that want a user and a password, and the broker's database 1."""
    with redis.Redis.from_url(redis_url) as client:
        client.acl_setuser(
            "suite", enabled=True, passwords=[f"+{PASSWORD}"], keys="*", channels="*", categories=["+@all"]
        )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS suite")
        connection.execute(f"CREATE ROLE suite LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    login = f"suite:{quote(PASSWORD, safe='')}"
    places = urlsplit(redis_url).netloc, urlsplit(database_url).netloc.rpartition("@")[2]
    yield {
        "CELERY_BROKER_URL": f"redis://{login}@{places[0]}/1",
        "CELERY_RESULT_BACKEND": f"postgresql://{login}@{places[1]}{urlsplit(database_url).path}",
        "PENSTOCK_DATABASE_URL": "",
        "PENSTOCK_SMTP_HOST": "127.0.0.1",
        "PENSTOCK_PUBLIC_URL": "http://127.0.0.1:8000",
    }
    with redis.Redis.from_url(redis_url) as client:
        client.acl_deluser("suite")


def hidden(url: str) -> str:
    return url.replace(quote(PASSWORD, safe=""), "**")


def test_the_single_worker_starts_with_its_banner_and_does_a_job(start: Start, guarded: dict[str, str]) -> None:
    command = "-A app.celery worker -P gevent -c 1 --loglevel INFO -Q dataset,generation,mail,ops_trace"
    worker = start(*command.split(), until=" ready.", cwd=ROOT, **guarded)
    assert worker.says(f"transport:   {hidden(guarded['CELERY_BROKER_URL'])}")
    assert worker.says(f"results:     {hidden(guarded['CELERY_RESULT_BACKEND'])}")
    for queue in command.rpartition(" ")[2].split(","):
        assert worker.says(f".> {queue:<16} exchange={queue}(direct) key={queue}")
    for task in TASKS:
        assert worker.says(f"  . {task.name}\n")
    assert not worker.says(PASSWORD)
    assert not worker.says(quote(PASSWORD, safe=""))

    app = make_app(settings=load(RuntimeSettings, **{key: value for key, value in guarded.items() if "CELERY" in key}))
    action = {"user_id": "u", "action": "opened", "at": "2026-01-01T00:00:00Z"}
    assert app.send_task(USER_ACTIONS.name, kwargs={"actions": [action]}).get(timeout=30) == {"stored": 1}


def test_a_worker_of_one_queue_starts_from_the_root(start: Start, guarded: dict[str, str]) -> None:
    worker = start(
        *["-A", "app.celery", "worker", "-Q", "mail", "--loglevel=INFO"], until=" ready.", cwd=ROOT, **guarded
    )
    assert worker.says(".> mail ")
    assert not worker.says(".> dataset ")


def test_beat_starts_from_the_root_and_relays(start: Start, guarded: dict[str, str], redis_url: str) -> None:
    beat = start(*["-A", "app.celery", "beat", "--loglevel", "INFO"], until="Starting...", cwd=ROOT, **guarded)
    broker = f"broker -> {hidden(guarded['CELERY_BROKER_URL'])}"
    eventually(lambda: beat.says(broker), "the banner shows the broker without its password")
    with redis.Redis.from_url(guarded["CELERY_BROKER_URL"]) as client:
        eventually(lambda: client.exists("penstock:epoch"), "the relay reaches Redis")
        eventually(lambda: client.llen("ops_trace") == 1, "the entry that was due is published")


def test_app_offers_celery() -> None:
    assert "celery = make_app(" in (ROOT / "app.py").read_text()
