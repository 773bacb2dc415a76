"""A consumer under gevent: it waits in gevent's loop, where others go on, and what it was given begins at once."""

import json
import socket
import subprocess
import sys

import gevent
import pytest
from kombu.utils.eventio import READ

from penstock_runtime.transport.green_poller import GreenPoller

LONG = 60
"""Seconds that no test takes."""

CONSUME = """
from gevent import monkey
monkey.patch_all()

import json, sys
import gevent, redis
from kombu import Connection, Queue

server, begun = redis.Redis.from_url(sys.argv[1]), []

def go_on():
    gevent.sleep(0.05)
    server.client_unpause()

def in_its_own_greenlet(message):
    gevent.spawn(begun.append, message.payload)
    message.ack()

with Connection(sys.argv[1], transport="penstock_runtime.transport:Transport") as connection:
    connection.transport.outlives = True  # as a worker's: what is settled waits for a turn
    queue = Queue("shop", channel=connection.default_channel)
    queue.declare()
    connection.Producer().publish(7, routing_key="shop")
    with connection.Consumer([queue], on_message=in_its_own_greenlet, auto_declare=False):
        if sys.argv[2] == "paused":
            server.client_pause(60_000, all=False)
            gevent.spawn(go_on)
        connection.drain_events(timeout=30)
        print(json.dumps(begun))
"""


@pytest.fixture
def pair():
    """Two ends of a connection."""
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


@pytest.fixture
def poller(pair):
    """Listens to the first of them."""
    poller = GreenPoller()
    poller.register(pair[0].fileno(), READ)
    yield poller
    poller.close()


def test_others_go_on_while_it_waits_and_what_comes_ends_the_wait(poller, pair):
    gevent.spawn(pair[1].send, b"!")
    assert poller.poll(LONG) == [(pair[0].fileno(), READ)]


def test_a_wait_in_which_nothing_comes_ends_with_nothing(poller):
    assert poller.poll(0.01) == []


@pytest.mark.parametrize("seconds", [0, LONG])
def test_others_have_their_turn_though_something_came_before(poller, pair, seconds):
    pair[1].send(b"!")
    had_a_turn = gevent.spawn(lambda: None)
    assert poller.poll(seconds) == [(pair[0].fileno(), READ)]
    assert had_a_turn.dead


def test_a_socket_may_be_closed_and_its_number_be_anothers(poller, pair):
    pair[0].close()
    assert poller.poll(0.01) == []
    with socket.socket() as other:
        poller.unregister(other.fileno())
        poller.register(other.fileno(), READ)


@pytest.mark.parametrize("redis", ["answers", "paused"])
def test_a_message_has_begun_when_it_was_delivered_also_if_another_greenlet_must_help_redis_to_answer(
    redis, redis_url, broker
):
    command = [sys.executable, "-c", CONSUME, redis_url, redis]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    finally:
        broker.client_unpause()
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [7]
