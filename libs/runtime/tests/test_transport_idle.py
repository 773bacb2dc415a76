"""A consumer with nothing to do: it leaves its queue alone for longer where Redis tells it of changes."""

from socket import timeout

import pytest
import redis
import redis_users
from kombu import Connection, Queue

LONG = 3600
"""Seconds of the option, so that what passes in a test is nothing beside it."""


@pytest.fixture
def rests_for(redis_url):
    """Seconds until a consumer that found its queue empty looks again, by the URL of its Redis."""

    def seconds(url):
        options = {"poll_interval": LONG}
        transport = "penstock_runtime.transport:Transport"
        with Connection(url, transport=transport, transport_options=options) as connection:
            queue = Queue("shop", channel=connection.default_channel)
            with connection.Consumer([queue], auto_declare=False), pytest.raises(timeout):
                connection.drain_events(timeout=0.1)
            return connection.default_channel.seconds_to_wait()

    return seconds


def test_a_queue_of_which_redis_tells_is_left_alone_for_twice_as_long(rests_for, redis_url):
    assert LONG < rests_for(redis_url) <= 2 * LONG


def test_a_queue_of_which_redis_does_not_tell_is_looked_at_as_often_as_the_option_says(rests_for, redis_url):
    with redis.Redis.from_url(redis_url) as server:
        blind = redis_users.as_user(server, redis_url, "blind", "~*", "&*", "+@all", "-client")
        try:
            assert 0 < rests_for(blind) <= LONG
        finally:
            server.acl_deluser("blind")


def test_a_consumer_that_listens_though_redis_has_nothing_to_tell_waits_for_nothing(redis_url):
    with Connection(redis_url, transport="penstock_runtime.transport:Transport") as connection:
        channel = connection.default_channel
        with connection.Consumer([Queue("shop", channel=channel)], auto_declare=False), pytest.raises(timeout):
            connection.drain_events(timeout=0.1)
        listens_to = channel.wire.fileno()
        channel.heed()
        assert (channel.wire.changed(), channel.wire.fileno()) == (set(), listens_to)
