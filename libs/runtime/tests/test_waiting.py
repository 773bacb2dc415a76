"""Who waits for a server says why, and what to look at."""

import socket
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from penstock_cli.local.ports import free_port
from penstock_runtime import redis_server, revisions, waiting
from penstock_runtime.errors import Unavailable
from penstock_runtime.settings import RuntimeSettings, load

PASSWORD = "not-the-one"


def said_of_redis(settings: RuntimeSettings, url: str) -> str:
    """What is said of the Redis at `url` when patience is out."""
    changed = load(
        RuntimeSettings, PENSTOCK_DATABASE_URL=settings.database_url, CELERY_BROKER_URL=url, redis_timeout=0.5
    )
    with redis_server.client(changed) as client, pytest.raises(Unavailable) as unavailable:
        waiting.wait_until(lambda: redis_server.check(client, changed), waiting.broker(changed), seconds=0)
    return unavailable.value.message


def test_a_wrong_password_is_said_and_not_shown(settings, redis_url):
    wrong = urlunsplit(urlsplit(redis_url)._replace(netloc=f"nobody:{PASSWORD}@{urlsplit(redis_url).netloc}"))
    said = said_of_redis(settings, wrong)
    assert "invalid username-password pair" in said
    assert "look at user name and password (CELERY_BROKER_URL, or PENSTOCK_REDIS_HOST" in said
    assert PASSWORD not in said


def test_a_database_that_the_server_does_not_have(settings, redis_url):
    said = said_of_redis(settings, urlunsplit(urlsplit(redis_url)._replace(path="/4000")))
    assert "look at the number or name of the database" in said


def test_a_port_at_which_nobody_listens(settings):
    said = said_of_redis(settings, f"redis://127.0.0.1:{free_port()}/0")
    assert "look at host and port, and whether it runs" in said


def test_a_host_without_an_address(settings):
    assert "look at the host's name" in said_of_redis(settings, "redis://nowhere.invalid:6379/0")


def test_a_server_that_takes_the_connection_and_says_nothing(settings):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        said = said_of_redis(settings, f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
    assert "firewall or NetworkPolicy" in said


def test_a_user_who_may_too_little(settings, redis_url, broker: "redis.Redis"):
    broker.execute_command("ACL", "SETUSER", "poor", "on", "+ping", f">{PASSWORD}")
    try:
        poor = urlunsplit(urlsplit(redis_url)._replace(netloc=f"poor:{PASSWORD}@{urlsplit(redis_url).netloc}"))
        assert "look at what its user is allowed" in said_of_redis(settings, poor)
    finally:
        broker.acl_deluser("poor")


def test_a_ledger_without_its_tables_or_without_itself(settings):
    def said(name: str) -> str:
        url = urlunsplit(urlsplit(settings.database_url)._replace(path=f"/{name}"))
        changed = load(RuntimeSettings, PENSTOCK_DATABASE_URL=url, CELERY_BROKER_URL=settings.broker_url)
        with pytest.raises(Unavailable) as unavailable:
            waiting.wait_until(lambda: revisions.require(url), waiting.postgresql(changed), seconds=0)
        return unavailable.value.message

    assert "look at the migration (PENSTOCK_DATABASE_URL" in said("template1")
    assert "look at the number or name of the database" in said("no_such_database")
