"""Messages that a worker has beyond what its pool does at once: while it has them, settlements share a turn."""

from contextlib import suppress
from socket import timeout

import pytest
from kombu import Connection, Consumer, Queue
from kombu.asynchronous import Hub

PREFETCH = 8
MESSAGES = 3 * PREFETCH
NEVER = 3600


@pytest.fixture
def worker(redis_url):
    """Consumes as a worker does, whose pool does so many tasks at once; and the messages that it was given."""
    started = []

    def start(slots, settle_within):
        options = {"settle_within": settle_within}
        transport = "penstock_runtime.transport:Transport"
        connection = Connection(redis_url, transport=transport, transport_options=options)
        connection.transport.outlives, connection.transport.slots = True, slots
        channel, got = connection.channel(), []
        started.append((connection, channel, got))
        queue = Queue("short", channel=channel)
        queue.declare()
        for number in range(MESSAGES):
            connection.Producer(channel).publish(number, routing_key="short")
        consumer = Consumer(channel, [queue], on_message=got.append)
        consumer.qos(prefetch_count=PREFETCH)
        consumer.consume()
        turn(connection)
        assert len(got) == PREFETCH
        return connection, got

    yield start
    for connection, channel, got in started:
        # What a worker has is its process's, and would be the next test's too.
        settle(message for message in got if not message.acknowledged)
        channel.in_flight.flush()
        connection.close()


def turn(connection):
    """All that there is to do now."""
    with suppress(timeout):
        while True:
            connection.drain_events(timeout=0.01)


def in_flight(broker):
    return set(broker.hkeys("unacked:short"))


def settle(messages):
    settled = set()
    for message in messages:
        message.ack()
        settled.add(message.delivery_tag)
    return settled


def test_with_a_reserve_a_settlement_waits_for_others(worker, broker):
    connection, got = worker(slots=1, settle_within=NEVER)
    settled = settle(got[:3])
    turn(connection)
    assert settled <= in_flight(broker)
    assert len(got) == PREFETCH


def test_when_half_is_gone_it_is_told(worker, broker):
    connection, got = worker(slots=1, settle_within=NEVER)
    settled = settle(got[: PREFETCH // 2])
    turn(connection)
    assert not settled & in_flight(broker)
    assert len(got) == PREFETCH + PREFETCH // 2


def test_it_waits_no_longer_than_it_may(worker, broker, eventually):
    connection, got = worker(slots=1, settle_within=0.05)
    settled = settle(got[:1])

    def is_told():
        turn(connection)
        return not settled & in_flight(broker)

    eventually(is_told)
    assert len(got) == PREFETCH + 1


def test_a_full_worker_sleeps_until_a_place_is_free(worker, at_once):
    connection, got = worker(slots=PREFETCH, settle_within=NEVER)
    assert got[0].channel.seconds_to_wait() == float("inf")

    def consume():
        while len(got) == PREFETCH:
            connection.drain_events(timeout=30)

    at_once(2, lambda number: consume() if number else got[0].ack())
    assert len(got) == PREFETCH + 1


def test_what_is_settled_while_a_claim_is_asked_for_is_told_by_the_next_turn(worker):
    connection, got = worker(slots=PREFETCH, settle_within=NEVER)
    while len(got) < MESSAGES:
        settle(got[-PREFETCH:])
        turn(connection)
    channel = got[0].channel
    settle(got[-2:-1])
    turn(connection)
    assert channel.seconds_to_wait() > 0
    # Nobody rings: the loop did not wait when the task ended.
    channel.in_flight.settle(got[-1].delivery_tag)
    assert channel.seconds_to_wait() == 0


def test_without_a_loop_of_celerys_it_sleeps_no_longer_than_it_may_wait(worker, eventually):
    connection, got = worker(slots=1, settle_within=NEVER)
    left = iter(list(got))

    def sleeps():
        settle([next(left)])
        turn(connection)
        return NEVER - 60 < got[0].channel.seconds_to_wait() <= NEVER

    eventually(sleeps)  # the thread of the signs of life may have told of one in between


def test_a_workers_loop_sleeps_no_longer_than_it_may_wait(worker, broker):
    connection, got = worker(slots=1, settle_within=0.05)
    hub = Hub()
    connection.transport.register_with_event_loop(connection.connection, hub)
    before = hub.fire_timers()
    settle(got[:1])
    connection.transport.cycle.on_poll_start()
    assert hub.fire_timers() <= 0.05 < before
    hub.close()


def test_without_a_reserve_it_is_told_at_once(worker, broker):
    connection, got = worker(slots=PREFETCH, settle_within=NEVER)
    settled = settle(got[:1])
    turn(connection)
    assert not settled & in_flight(broker)
    assert len(got) == PREFETCH + 1


def test_what_waits_to_be_told_is_told_when_the_worker_ends(worker, broker):
    connection, got = worker(slots=1, settle_within=NEVER)
    settled = settle(got[:3])
    turn(connection)
    got[0].channel.in_flight.close()
    assert not settled & in_flight(broker)
