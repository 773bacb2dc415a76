"""A queue whose key of a pause is there: nothing is claimed from it, what is held is settled, and a resume wakes."""

import pytest
import redis
from kombu import Connection, Queue
from transport_actors import Contents, Process, a_text, keys_of, name_in

from penstock_contracts.queues import QUEUES

MAIL, OPS = keys_of("mail", ""), keys_of("ops", "")
TRACE = keys_of("ops_trace", "")
LONG = 3600
"""Seconds between two looks at a queue, so that only being told can be what wakes."""


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as one:
        yield one


@pytest.fixture
def connection(services_url):
    options = {"sep": ":", "priority_steps": [0, 5], "poll_interval": LONG}
    with Connection(
        services_url, transport="penstock_runtime.transport:Transport", transport_options=options
    ) as connection:
        yield connection


def publish(client, queue, numbers):
    for number in numbers:
        client.lpush(queue.lists[number % 2], a_text(number, 5 * (number % 2), "stock"))


def ours(client):
    return Process(client, "", [MAIL, OPS])


def queues_of(claimed):
    return [queue.queue for queue, _, _ in claimed]


def test_the_transport_asks_for_the_key_that_the_declaration_names():
    assert [keys_of(queue.name, "").paused for queue in QUEUES] == [queue.paused_key for queue in QUEUES]


def test_of_a_paused_queue_nothing_is_claimed_and_what_is_held_is_settled(client):
    publish(client, MAIL, range(6))
    process = ours(client)
    process.turn([MAIL], 4)
    client.set(MAIL.paused, "x")
    process.settled = list(process.held)[:3]
    assert process.turn([MAIL], 9, floor=1, listening=2) == []
    found = Contents.read(client, [MAIL])
    assert len(found.in_flight) == 1
    assert sum(map(len, found.lists.values())) == 2


def test_what_is_given_back_waits_like_the_rest_and_is_taken_first_after_the_resume(client):
    publish(client, MAIL, [0, 2, 4])
    process = ours(client)
    process.turn([MAIL], 1)
    client.set(MAIL.paused, "x")
    [(_, tag)] = process.held
    process.put_back(MAIL, tag, front=True)
    assert process.turn([MAIL], 9) == []
    client.delete(MAIL.paused)
    assert [name_in(raw) for _, _, raw in process.turn([MAIL], 9)] == [0, 2, 4]


@pytest.mark.parametrize("paused", [MAIL, OPS], ids=["the first", "the last"])
def test_the_room_that_a_paused_queue_leaves_is_its_neighbours(client, paused):
    publish(client, MAIL, range(10))
    publish(client, OPS, range(10, 20))
    client.set(paused.paused, "x")
    [other] = {MAIL, OPS} - {paused}
    assert queues_of(ours(client).turn([MAIL, OPS], 6, floor=2)) == [other.queue] * 6


def test_nobody_is_woken_for_what_lies_in_a_paused_queue(client):
    publish(client, MAIL, range(9))
    publish(client, OPS, [10])
    client.set(MAIL.paused, "x")
    watcher, waiting = ours(client), ours(client)
    for process in (watcher, waiting):
        process.turn([MAIL], 1, listening=2)
    client.delete(OPS.watch, OPS.waiting)
    full = ours(client)
    assert queues_of(full.turn([MAIL, OPS], 1, listening=2)) == ["ops"]
    assert client.keys("penstock:wake:*") == []
    client.delete(MAIL.paused)
    full.turn([MAIL, OPS], 1, listening=2)
    assert client.keys("penstock:wake:*") == [f"penstock:wake:{waiting.id}".encode()]


def test_who_asks_for_one_message_finds_a_paused_queue_empty(client, connection):
    channel = connection.default_channel
    connection.Producer(channel, serializer="json").publish({}, exchange="", routing_key="ops_trace")
    client.set(TRACE.paused, "x")
    assert channel.basic_get("ops_trace") is None
    client.delete(TRACE.paused)
    assert channel.basic_get("ops_trace") is not None


def test_a_waiting_consumer_is_told_of_the_resume(client, connection, in_background, eventually):
    client.set(TRACE.paused, "x")
    received = []
    queue = Queue("ops_trace", channel=connection.default_channel)
    connection.Producer(serializer="json").publish({"number": 1}, exchange="", routing_key="ops_trace")
    with connection.Consumer([queue], callbacks=[lambda body, message: received.append(body)], no_ack=True):
        waits = in_background(connection.drain_events, timeout=30)
        eventually(lambda: client.exists(TRACE.watch))
        assert (received, client.llen("ops_trace")) == ([], 1)
        client.delete(TRACE.paused)
        waits.result(30)
    assert received == [{"number": 1}]
