"""What the doctor says of a RabbitMQ that is not well, and of its queues. Each is made."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import amqp
import pytest
from own_rabbitmq import PASSWORD, USER, OwnRabbit
from tls import TlsPort, make_certificate

from penstock_cli.local.ports import free_port
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import Priority
from penstock_runtime import queues_now
from penstock_runtime.errors import Unavailable
from penstock_runtime.findings import Level
from penstock_runtime.settings import RuntimeSettings

SECRET = "not-the-one"


@pytest.fixture
def settings(settings: RuntimeSettings, rabbitmq: OwnRabbit) -> RuntimeSettings:
    return settings.model_copy(update={"broker": rabbitmq.url})


@pytest.fixture
def quick(quick: Callable[..., RuntimeSettings]) -> Callable[..., RuntimeSettings]:
    """With the time that RabbitMQ takes."""
    return partial(quick, publish_timeout=5)


@pytest.fixture
def channel(rabbitmq: OwnRabbit) -> Iterator[amqp.Channel]:
    with amqp.Connection(f"127.0.0.1:{rabbitmq.port}", USER, PASSWORD, login_method="PLAIN") as connection:
        yield connection.channel()


@pytest.fixture
def poor(rabbitmq: OwnRabbit) -> Iterator[Callable[..., str]]:
    """The URL of a user who may do so much: `poor(write="^$")`."""

    def make(**rights: str) -> str:
        rabbitmq.manage("PUT", "/users/poor", {"password": SECRET, "tags": ""}).raise_for_status()
        every = {"configure": ".*", "write": ".*", "read": ".*"}
        rabbitmq.manage("PUT", "/permissions/%2F/poor", every | rights).raise_for_status()
        return f"amqp://poor:{SECRET}@127.0.0.1:{rabbitmq.port}/"

    yield make
    rabbitmq.manage("DELETE", "/users/poor")


def test_where_all_is_well_nothing_is_found(relay, found):
    relay().one_pass()
    assert found() == {}


@pytest.mark.parametrize(
    ("url", "code", "said", "fix"),
    [
        ("amqp://127.0.0.1:{free}/", "rabbitmq_unreachable", "refused", "look at host and port, and whether it runs"),
        ("amqp://nowhere.invalid/", "rabbitmq_host", "not known", "look at the host's name"),
        ("amqp://127.0.0.1:{silent}/", "rabbitmq_silent", "timed out", "firewall or NetworkPolicy"),
        ("amqp://suite:{secret}@127.0.0.1:{port}/", "rabbitmq_login", "Login was refused", "user name and password"),
        ("{right}nowhere", "rabbitmq_vhost", "vhost nowhere not found", "look at the name of the virtual host"),
    ],
)
def test_a_rabbitmq_that_is_not_reached(found, rabbitmq, silent_port, url, code, said, fix):
    places = {"free": free_port(), "silent": silent_port, "port": rabbitmq.port, "right": rabbitmq.url}
    named = found(broker_url=url.format(**places, secret=SECRET), doctor_seconds=2)
    assert code in named, named
    assert (named[code].level, said in named[code].what, fix in named[code].fix) == (Level.ERROR, True, True), named
    assert "CELERY_BROKER_URL, or PENSTOCK_RABBITMQ_HOST" in named[code].fix
    assert SECRET not in repr(named)


def test_a_rabbitmq_whose_certificate_is_not_trusted(found, rabbitmq, tmp_path):
    with closing(TlsPort(make_certificate(tmp_path), rabbitmq.port)) as gate:
        seen = found(broker_url=f"amqps://127.0.0.1:{gate.port}/")["rabbitmq_tls"]
    assert "certificate verify failed" in seen.what
    assert "which authority signed its certificate" in seen.fix


@pytest.mark.parametrize(
    ("rights", "said"),
    [({"configure": "^$"}, "access to queue 'dataset'"), ({"write": "^$"}, "access to exchange 'amq.default'")],
)
def test_a_user_who_may_not_make_queues_and_one_who_may_not_send(found, poor, rights, said):
    seen = found(broker_url=poor(**rights))["rabbitmq_rights"]
    assert said in seen.what
    assert "look at what its user is allowed" in seen.fix


def test_a_rabbitmq_without_connections_left(found, rabbitmq):
    rabbitmq.manage("PUT", "/vhost-limits/%2F/max-connections", {"value": 0}).raise_for_status()
    try:
        seen = found()["rabbitmq_connections"]
    finally:
        rabbitmq.manage("DELETE", "/vhost-limits/%2F/max-connections")
    assert "connection limit (0) is reached" in seen.what
    assert "look at how many it lets connect" in seen.fix


def test_a_rabbitmq_that_refuses_for_a_reason_of_its_own(found, rabbitmq, poor):
    url = poor()
    rabbitmq.manage("PUT", "/user-limits/poor/max-channels", {"value": 0}).raise_for_status()
    seen = found(broker_url=url)["rabbitmq_refuses"]
    assert "number of channels" in seen.what
    assert "look at the server's own log" in seen.fix


def test_a_queue_that_is_there_with_other_arguments_and_the_fix_makes_it_ours(found, channel):
    channel.queue_declare("mail", durable=True, auto_delete=False)
    seen = found()["rabbitmq_misdeclared"]
    assert seen.what == "the queue mail is in RabbitMQ with other arguments than {'x-max-priority': 5}"
    assert seen.fix.startswith("delete it there")
    channel.queue_delete("mail")
    assert "rabbitmq_misdeclared" not in found()


def test_an_alarm_that_keeps_rabbitmq_from_taking_messages(found, rabbitmq):
    with rabbitmq.alarm():
        [seen] = found(every=True)
    assert (seen.code, seen.level) == ("rabbitmq_blocked", Level.ERROR)
    assert "it takes no messages" in seen.what
    assert "rabbitmq_blocked" not in found()


@pytest.fixture
def publish(ledger, relay):
    """Have a relay publish three jobs of `ops_trace`, one of them bulk."""

    def do() -> None:
        ledger.accept_many(2)
        ledger.accept_many(1, replace(PRUNE.message(Prune()), priority=Priority.BULK))
        relay().one_pass()

    return do


def test_a_queue_that_nobody_consumes_and_one_with_a_consumer(found, publish, eventually, channel):
    publish()
    assert "queue_unconsumed" not in found(doctor_unconsumed=600)
    nobody = eventually(lambda: found(doctor_unconsumed=1).get("queue_unconsumed"))
    assert nobody.about == "queue ops_trace"
    assert nobody.what.startswith("no Penstock worker consumes it; 3 messages wait, the oldest for ")
    channel.basic_qos(0, 1, False)
    channel.basic_consume("ops_trace", callback=lambda message: None)
    seen = found(doctor_unconsumed=1, doctor_behind=1)
    assert "queue_unconsumed" not in seen
    assert seen["queue_behind"].what.startswith("2 messages wait, the oldest for ")


def figures(shown: str) -> dict[str, Any]:
    return next(one for one in json.loads(shown) if one["queue"] == "ops_trace")


def test_the_figures_of_now_are_rabbitmqs_told_apart_by_the_ledger(publish, settings, monkeypatch, capsys):
    publish()
    monkeypatch.setenv("CELERY_BROKER_URL", settings.broker_url)
    monkeypatch.setenv("PENSTOCK_DATABASE_URL", settings.database_url)
    queues_now.main()
    seen = figures(capsys.readouterr().out)
    assert seen.pop("oldest") > 0
    assert seen == {
        "queue": "ops_trace",
        "queued": {"normal": 2, "bulk": 1},
        "in_flight": 0,
        "paused": False,
        "exact": True,
    }


def test_without_the_ledger_there_are_no_figures_and_that_is_said(quick):
    away = quick(database_url=f"postgresql://127.0.0.1:{free_port()}/none")
    with pytest.raises(Unavailable, match=r"PostgreSQL does not answer: .*refused"):
        queues_now.read(away)
