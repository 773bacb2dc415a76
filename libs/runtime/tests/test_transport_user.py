"""A user of Redis with what docs/transport.md lists, and no more, is enough for a worker."""

import re
from pathlib import Path

import pytest
from kombu import Connection, Exchange, Queue

DOCUMENT = Path(__file__).parents[3] / "docs" / "transport.md"
KEYS = ("~shop*", "~unacked*", "~dead:*", "~penstock:*", "~_kombu.*", "&*")
NAME, PASSWORD = "a-worker", "a password that only tests know"


@pytest.fixture
def url(broker, redis_url):
    """As that user."""
    [listed] = re.findall(r"```\n(\+evalsha.*?)```", DOCUMENT.read_text(), re.DOTALL)
    broker.execute_command("ACL", "SETUSER", NAME, "reset", "on", f">{PASSWORD}", *KEYS, *listed.split())
    yield redis_url.replace("redis://", f"redis://{NAME}:{PASSWORD.replace(' ', '%20')}@")
    broker.execute_command("ACL", "DELUSER", NAME)


def open_as(url):
    options = {"sep": ":", "priority_steps": [0, 5]}
    return Connection(url, transport="penstock_runtime.transport:Transport", transport_options=options)


def test_it_publishes_claims_acknowledges_requeues_buries_and_gives_signs_of_life(url, broker):
    with open_as(url) as connection:
        channel = connection.default_channel
        queue = Queue("shop", Exchange("shop", type="direct"), routing_key="shop")(channel)
        queue.declare()
        producer, received = connection.Producer(channel, serializer="json"), []
        with connection.Consumer([queue], callbacks=[lambda body, message: received.append(message)], channel=channel):
            for number in range(3):
                producer.publish({"number": number}, exchange="shop", routing_key="shop", priority=5 * (number % 2))
                connection.drain_events(timeout=5)
            channel.in_flight.beat()
            received[0].ack()
            received[1].requeue()
            channel.dead_letter(received[2].delivery_tag, "tried", None)
            connection.drain_events(timeout=5)
            assert received[3].delivery_info["redelivered"]
            received[3].ack()
    assert broker.hlen("unacked:shop") == broker.llen("shop") == broker.llen("shop:5") == 0
    assert broker.hlen("dead:shop") == 1


def test_what_a_user_may_not_is_said(url, broker):
    broker.execute_command("ACL", "SETUSER", NAME, "-lrange")
    with open_as(url) as connection:
        channel = connection.default_channel
        with connection.Consumer([Queue("shop", channel=channel)], channel=channel):
            connection.Producer(channel, serializer="json").publish({}, exchange="", routing_key="shop")
            with pytest.raises(connection.connection_errors, match="not allowed enough"):
                connection.drain_events(timeout=5)
