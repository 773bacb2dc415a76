"""RabbitMQ as the carrier: what is published is there, confirmed, in order; and what it has lost is noticed."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import amqp
import pytest
from own_rabbitmq import PASSWORD, USER, OwnRabbit
from tls import TlsPort, make_certificate

from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import OPS_TRACE, QUEUES, Priority
from penstock_runtime import broker_server, waiting
from penstock_runtime.broker import make_app
from penstock_runtime.errors import SettingsError, Unavailable
from penstock_runtime.ledger.publish import Publication
from penstock_runtime.rabbitmq import server
from penstock_runtime.rabbitmq.publisher import LARGEST_GROUP, RabbitPublisher
from penstock_runtime.rabbitmq.transport import from_wire, to_wire
from penstock_runtime.settings import RuntimeSettings


@pytest.fixture
def settings(settings: RuntimeSettings, rabbitmq: OwnRabbit) -> RuntimeSettings:
    return settings.model_copy(update={"broker": rabbitmq.url})


@pytest.fixture
def publisher(settings: RuntimeSettings) -> Iterator[RabbitPublisher]:
    with closing(RabbitPublisher(settings)) as publisher:
        yield publisher


@pytest.fixture
def channel(rabbitmq: OwnRabbit) -> Iterator[amqp.Channel]:
    with amqp.Connection(f"127.0.0.1:{rabbitmq.port}", USER, PASSWORD, login_method="PLAIN") as connection:
        yield connection.channel()


def publication(number: int = 0, priority: Priority = Priority.NORMAL) -> Publication:
    payload = PRUNE.message(Prune(days=number + 1)).payload
    return Publication(
        str(uuid4()), PRUNE.name, "ops_trace", priority, payload, None, datetime.now(UTC), 3, alone=False
    )


def taken(channel: amqp.Channel, most: int) -> list[str]:
    """The ids of the next messages, in the order in which a worker gets them."""
    found = []
    while len(found) < most and (message := channel.basic_get("ops_trace", no_ack=True)):
        found.append(message.headers["id"])
    return found


def test_more_messages_than_are_confirmed_together_arrive_in_their_order(publisher, channel):
    sent = [publication(number) for number in range(LARGEST_GROUP + 10)]
    publisher.publish(sent)
    assert taken(channel, len(sent)) == [item.job_id for item in sent]


def test_bulk_waits_behind_what_is_normal(publisher, channel):
    bulk, normal = publication(priority=Priority.BULK), publication()
    publisher.publish([bulk, normal])
    assert taken(channel, 2) == [normal.job_id, bulk.job_id]


def test_a_message_outlives_its_server(publisher, rabbitmq, eventually):
    publisher.publish([publication()])
    rabbitmq.kill()
    rabbitmq.start()
    eventually(lambda: rabbitmq.ready("ops_trace") == 1)  # a queue's replica takes a moment to lead again


def test_a_publisher_connects_anew_after_its_server_was_started_anew(publisher, rabbitmq):
    publisher.publish([publication()])
    rabbitmq.kill()
    with pytest.raises(Unavailable):
        publisher.publish([publication()])
    rabbitmq.start()
    publisher.publish([publication()])
    assert rabbitmq.ready("ops_trace") == 2


def test_a_server_that_says_nothing_holds_a_publisher_up_for_its_timeout_only(settings, rabbitmq):
    with closing(RabbitPublisher(settings.model_copy(update={"rabbitmq_timeout": 0.3}))) as publisher:
        publisher.publish([publication()])
        rabbitmq.pause()
        try:
            for _ in range(2):  # over its connection, and over one that it cannot make
                with pytest.raises(Unavailable, match="RabbitMQ did not do what was asked"):
                    publisher.publish([publication()])
        finally:
            rabbitmq.resume()
        publisher.publish([publication()])


def test_a_message_whose_queue_was_deleted_is_none_that_was_published(publisher, channel, rabbitmq):
    publisher.publish([publication()])
    channel.queue_delete("ops_trace")
    with pytest.raises(Unavailable, match="the queue ops_trace is not there"):
        publisher.publish([publication()])
    publisher.publish([publication()])
    assert rabbitmq.ready("ops_trace") == 1


def test_a_queue_that_another_declared_otherwise_is_named(settings, channel):
    channel.queue_declare("mail", durable=True, auto_delete=False)
    with pytest.raises(SettingsError, match="the queue mail is in RabbitMQ with other arguments than"):
        broker_server.check(settings)
    with closing(RabbitPublisher(settings)) as publisher, pytest.raises(Unavailable, match="the queue mail"):
        publisher.publish([publication()])


def test_who_declares_a_queue_of_ours_as_celery_does_by_itself_is_refused(settings, channel):
    broker_server.check(settings)
    with pytest.raises(amqp.PreconditionFailed, match="x-max-priority"):
        channel.queue_declare("mail", durable=True, auto_delete=False)


@pytest.fixture
def behind_tls(settings: RuntimeSettings, rabbitmq: OwnRabbit, tmp_path) -> Iterator[RuntimeSettings]:
    """The same server, spoken to over TLS."""
    certificate = make_certificate(tmp_path)
    port = TlsPort(certificate, rabbitmq.port)
    url = rabbitmq.url.replace("amqp://", "amqps://").replace(f":{rabbitmq.port}/", f":{port.port}/")
    yield settings.model_copy(update={"broker": url, "rabbitmq_tls_ca": str(certificate.file)})
    port.close()


def test_messages_go_out_over_tls_to_whom_the_certificate_names_only(behind_tls, rabbitmq):
    with closing(RabbitPublisher(behind_tls)) as publisher:
        publisher.publish([publication()])
        publisher.publish([publication()])
    make_app(settings=behind_tls).send_task(PRUNE.name, kwargs={"days": 1})
    assert rabbitmq.ready("ops_trace") == 3
    unknown = behind_tls.model_copy(update={"rabbitmq_tls_ca": ""})
    with closing(RabbitPublisher(unknown)) as publisher, pytest.raises(Unavailable, match="SSLCertVerificationError"):
        publisher.publish([publication()])
    unchecked = unknown.model_copy(update={"rabbitmq_tls_verify": False})
    with closing(RabbitPublisher(unchecked)) as publisher:
        publisher.publish([publication()])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((PASSWORD_IN_URL := "%40%3A%2F%23%5B%25", "wrong"), "look at user name and password"),
        ((":0/", ":0/nowhere"), "look at the name of the virtual host"),
        ((":0/", ":1/"), "look at host and port"),
    ],
)
def test_who_waits_for_it_says_what_to_look_at(settings, rabbitmq, changes, said):
    before, after = (change.replace(":0/", f":{rabbitmq.port}/") for change in changes)
    wrong = settings.model_copy(update={"broker": settings.broker_url.replace(before, after)})
    with pytest.raises(Unavailable) as unavailable:
        waiting.wait_until(lambda: broker_server.check(wrong), waiting.broker(wrong), seconds=0)
    assert said in unavailable.value.message
    assert "CELERY_BROKER_URL, or PENSTOCK_RABBITMQ_HOST" in unavailable.value.message
    assert PASSWORD_IN_URL not in unavailable.value.message


def test_a_client_of_ours_sends_what_a_publisher_sends(settings, channel, rabbitmq):
    app = make_app(settings=settings)
    app.send_task(PRUNE.name, kwargs={"days": 1})
    app.send_task(PRUNE.name, kwargs={"days": 1}, priority=Priority.BULK)
    first, second = (channel.basic_get("ops_trace", no_ack=True) for _ in range(2))
    assert (first.properties["priority"], second.properties["priority"]) == (server.STEPS, 0)
    assert first.properties["delivery_mode"] == 2
    assert first.headers["kwargsrepr"] == "-"


def test_priorities_come_back_as_they_were():
    assert [from_wire(to_wire(priority)) for priority in Priority] == list(Priority)
    assert from_wire(None) == from_wire(9) == Priority.NORMAL
    assert to_wire(None) == server.STEPS
    assert to_wire(9) == 0


def test_every_queue_is_there_after_a_check(settings, rabbitmq):
    broker_server.check(settings)
    there = {queue["name"]: queue for queue in rabbitmq.manage("GET", "/queues").json()}
    for queue in QUEUES:
        assert there[queue.name]["durable"]
    assert there[OPS_TRACE.name]["arguments"] == server.ARGUMENTS


def test_a_virtual_host_that_takes_no_queue_more_is_not_taken_for_a_queue_declared_otherwise(
    settings, rabbitmq, channel
):
    channel.queue_delete(OPS_TRACE.name)
    rabbitmq.manage("PUT", "/vhost-limits/%2F/max-queues", {"value": 0}).raise_for_status()
    try:
        with pytest.raises(amqp.PreconditionFailed, match="limit"):
            broker_server.check(settings)
    finally:
        rabbitmq.manage("DELETE", "/vhost-limits/%2F/max-queues").raise_for_status()
    broker_server.check(settings)
