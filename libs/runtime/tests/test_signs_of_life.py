"""Who gives signs of life for what is held, and who looks for those that are missing: a thread, or an idle consumer."""

from socket import timeout

import pytest
import redis
from kombu import Connection, Queue
from transport_actors import LIMITS, a_text, keys_of

from penstock_runtime.transport.abandoned import Limits
from penstock_runtime.transport.in_flight import InFlight

SHOP = keys_of("shop", "")
SOON = {"abandoned_after": 0.8, "poll_interval": 0.02}
"""Options with which a consumer looks five times a second, and judges after a second."""


@pytest.fixture
def url(redis_url):
    """A database to which nobody else connects."""
    return redis_url.removesuffix("/0") + "/9"


@pytest.fixture
def server(url):
    with redis.Redis.from_url(url) as client:
        yield client


@pytest.fixture
def abandoned(server):
    """The tag of a message whose process died long ago."""
    tag = "penstock:dead:0"
    server.hset(SHOP.unacked, tag, SHOP.entry(a_text(7, 0, "stock")))
    server.zadd(SHOP.index, {tag: 1})
    return tag


@pytest.fixture
def in_flight(server):
    """A process's book, by the connections of the test's client."""
    book = InFlight((server.connection_pool,) * 2, LIMITS, "")
    book.look_after(SHOP)
    yield book
    for tag in book.tags(newest_first=True):  # else it would be given back when the tests end, to a Redis that is gone
        book.drop(tag)


def evaluated(server):
    """How many scripts Redis has run."""
    return server.info("commandstats")["cmdstat_evalsha"]["calls"]


@pytest.fixture
def channel(url):
    """One that claims."""
    with Connection(url, transport="penstock_runtime.transport:Transport") as connection:
        yield connection.default_channel


def test_an_idle_consumer_finds_what_was_abandoned_over_the_connection_that_it_claims_with(url, server, abandoned):
    received = []
    transport = "penstock_runtime.transport:Transport"
    with Connection(url, transport=transport, transport_options=SOON) as connection:
        queue = Queue("shop", channel=connection.default_channel)
        with connection.Consumer([queue], auto_declare=False, on_message=received.append):
            with pytest.raises(timeout):
                connection.drain_events(timeout=0.1)
            assert server.hexists(SHOP.unacked, abandoned), "who has just come judges nobody"
            assert [one["db"] for one in server.client_list()].count("9") == 2, "the consumer's one, and the test's"
            connection.drain_events(timeout=30)
            received[0].ack()
    assert received[0].delivery_info["redelivered"]
    assert server.hlen(SHOP.unacked) == 0


def test_a_process_that_holds_nothing_has_its_consumer_look_and_its_thread_ask_nothing(channel, server, in_flight):
    signs = in_flight.signs
    assert signs.may_look
    signs.look(channel.wire)
    before = evaluated(server)
    signs.beat()
    assert not signs.may_look
    assert evaluated(server) == before


def test_a_process_whose_consumer_does_not_look_has_its_thread_do_it_until_it_does(channel, server, in_flight):
    in_flight.signs.beat()
    assert server.exists("penstock:born")
    assert in_flight.signs.may_look
    in_flight.signs.look(channel.wire)
    assert not in_flight.signs.may_look


def test_what_was_abandoned_is_found_by_a_thread_whose_consumer_never_looks(server, abandoned, eventually):
    book = InFlight((server.connection_pool,) * 2, Limits(abandoned_after=0.8), "")
    book.look_after(SHOP)

    def returned():
        book.signs.beat()
        return server.llen("shop") == 1

    eventually(returned)


def test_a_consumer_that_judges_soon_looks_at_each_of_its_turns(channel, server):
    # A loop turns each two or three seconds, and who has not heard Redis for half a term judges nobody.
    book = InFlight((server.connection_pool,) * 2, Limits(abandoned_after=9), "")
    book.look_after(SHOP)
    book.signs.look(channel.wire)
    assert book.signs.may_look


def test_a_process_that_holds_something_has_its_thread_say_so_each_time(server, in_flight):
    tag, text = f"penstock:{in_flight.process}:0", a_text(7, 0, "stock")
    server.hset(SHOP.unacked, tag, SHOP.entry(text))
    in_flight.hold(tag, SHOP, text)
    assert not in_flight.signs.may_look
    for _ in range(2):
        server.zadd(SHOP.index, {tag: 1})
        in_flight.signs.beat()
        assert server.zscore(SHOP.index, tag) > 1
    in_flight.drop(tag)
    before = evaluated(server)
    in_flight.signs.beat()
    assert evaluated(server) == before, "the next look is its consumer's again"
