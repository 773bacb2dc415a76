"""Sending an application's tasks: Celery's own messages, over a connection that is kept."""

import json
import os
import string

import pytest
import redis
from celery import Celery, signals
from celery.utils.saferepr import saferepr
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection
from kombu.exceptions import OperationalError

from penstock_runtime.transport import install
from penstock_runtime.transport.channel import READ_SIZE
from penstock_runtime.transport.install import STOCK_AMQP
from penstock_runtime.transport.sending import plain
from penstock_runtime.transport.wire import Line

UNLIKE = {"id", "root_id", "correlation_id", "delivery_tag", "penstock_enqueued_at", "origin", "reply_to"}
"""What is each message's or each application's own."""

WORDS = st.text(string.printable) | st.text() | st.uuids().map(str)
VALUES = st.integers() | st.floats() | st.booleans() | st.none() | WORDS | st.lists(st.integers())


def application(url, amqp=None):
    app = Celery("sends", broker=url, set_as_current=False, amqp=amqp)
    app.conf.update(task_default_queue="mail", broker_transport_options={"sep": ":", "priority_steps": [0, 5]})
    app.conf.task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    install(app)
    return app


def noop(*args, **kwargs):
    """Does nothing."""


def task_of(app):
    return app.task(noop, name="noop", shared=False)


@pytest.fixture
def task(redis_url):
    app = application(redis_url)
    yield task_of(app)
    app.close()


@pytest.fixture
def line(redis_url):
    with redis.ConnectionPool.from_url(redis_url) as pool:
        yield Line(pool)


def like(message):
    if isinstance(message, dict):
        return {name: like(value) for name, value in message.items() if name not in UNLIKE}
    return message


def messages(broker, name="mail"):
    return [json.loads(raw) for raw in reversed(broker.lrange(name, 0, -1))]


@pytest.mark.parametrize(
    "call",
    [
        {"args": (1, "a word")},
        {"args": ["it's", None], "kwargs": {"deep": {"of": [1, 2.5]}}},
        {"args": (1,), "priority": 5},
        {"args": (1,), "countdown": 60, "expires": 3600},
        {"args": (1,), "compression": "gzip", "headers": {"own": "header"}},
        {"args": (1,), "queue": "mail", "time_limit": 5},
        {"args": (1,), "delivery_mode": "transient", "reply_to": "answers"},
        {"args": (1,), "delivery_mode": 1, "own": "property", "timeout": 3},
        {"args": (1,), "serializer": "yaml"},
    ],
)
def test_a_message_is_what_celery_makes_of_it(redis_url, broker, task, call):
    stock = application(redis_url, amqp=STOCK_AMQP.replace(":", "."))
    its = task_of(stock)
    for sender in (its, its, task, task):
        sender.apply_async(**call)
    stock.close()
    sent = messages(broker, "mail:5" if call.get("priority") else "mail")
    times = {"eta", "expires"}
    first, again, ours, ours_again = (like(message) for message in sent)
    for message in (first, again, ours, ours_again):
        assert {name: bool(message["headers"].pop(name)) for name in times} == dict.fromkeys(times, "countdown" in call)
    assert first == again == ours == ours_again
    assert type(task.app.amqp) is not type(stock.amqp)


def test_a_message_that_has_expired_already_says_so_each_time(broker, task):
    for number in range(2):
        task.apply_async((number,), expires=-5)
    assert [message["properties"]["expiration"] for message in messages(broker)] == ["0", "0"]


def test_the_second_message_declares_nothing(broker, task):
    task.delay(1)
    broker.flushdb()
    task.delay(2)
    assert list(broker.scan_iter()) == ["mail"]


def test_after_a_lost_connection_a_message_is_sent_once_and_its_queue_declared_anew(own_redis, eventually):
    app = application(own_redis.server.url)
    task = task_of(app)
    task.delay(1)
    own_redis.kill()
    with pytest.raises(OperationalError):
        task.delay(2)
    own_redis.start()
    task.delay(3)
    with redis.Redis.from_url(own_redis.server.url) as broker:
        numbers = [json.loads(message["headers"]["argsrepr"].strip("(),")) for message in messages(broker)]
        assert numbers[-1] == 3
        assert numbers.count(3) == 1
        assert broker.exists("_kombu.binding.mail")
    app.close()


def test_a_connection_that_redis_has_closed_costs_no_message(broker, task):
    for number in range(3):
        task.delay(number)
        broker.client_kill_filter(_type="normal", skipme=True)
    assert [message["headers"]["argsrepr"] for message in messages(broker)] == ["(0,)", "(1,)", "(2,)"]


def test_what_a_replica_has_refused_is_sent_when_it_is_the_master(own_redis):
    app, tries = application(own_redis.server.url), []
    task = task_of(app)
    task.delay(1)
    with redis.Redis.from_url(own_redis.server.url) as client:
        client.replicaof("127.0.0.1", 1)

        def before(**_):
            tries.append(None)
            if len(tries) == 2:
                client.replicaof("NO", "ONE")

        signals.before_task_publish.connect(before, sender="noop")
        try:
            task.delay(2)
        finally:
            signals.before_task_publish.disconnect(before, sender="noop")
        assert [message["headers"]["argsrepr"] for message in messages(client)] == ["(1,)", "(2,)"]
    app.close()


def test_listeners_hear_of_each_message_once(task):
    heard = []

    def before(**told):
        heard.append(told["headers"]["argsrepr"])

    signals.before_task_publish.connect(before, sender="noop")
    try:
        task.delay(1)
        task.delay(2)
    finally:
        signals.before_task_publish.disconnect(before, sender="noop")
    assert heard == ["(1,)", "(2,)"]


def test_a_batch_is_sent_at_its_end(broker, task):
    task.delay(0)
    with task.app.producer_or_acquire() as producer, producer.batch():
        for number in (1, 2):
            task.apply_async((number,), producer=producer)
        before = broker.llen("mail")
    assert (before, broker.llen("mail")) == (1, 3)


def test_a_producer_stays_with_its_connection(task):
    with task.app.producer_or_acquire() as first, task.app.producer_or_acquire() as second:
        assert first is not second
        assert first.connection is not second.connection
    with task.app.producer_or_acquire() as again:
        assert again in (first, second)


def test_more_threads_than_connections_wait_for_each_other(broker, task, at_once):
    threads = 2 * task.app.conf.broker_pool_limit
    at_once(threads, lambda number: [task.delay(number) for _ in range(10)])
    assert broker.llen("mail") == 10 * threads


def test_an_application_keeps_an_amqp_of_its_own(redis_url):
    assert application(redis_url, amqp="some.other:AMQP").amqp_cls == "some.other:AMQP"


@pytest.mark.parametrize("size", [READ_SIZE - 20, 10 * READ_SIZE])
def test_an_answer_may_be_larger_than_the_buffer_that_is_kept_for_it(redis_url, broker, size):
    broker.set("large", b"x" * size)
    with Connection(redis_url, transport="penstock_runtime.transport:Transport") as connection:
        channel = connection.default_channel
        assert channel.line.ask("GET", "large") == channel.client.get("large") == b"x" * size


def test_many_threads_share_a_line(line, at_once):
    answers = at_once(8, lambda number: [line.ask("ECHO", f"{number}:{turn}") for turn in range(50)])
    assert answers == [[f"{number}:{turn}".encode() for turn in range(50)] for number in range(8)]


def test_a_forked_child_has_a_line_of_its_own(line, broker):
    own = line.ask("CLIENT", "ID")
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, str(line.ask("CLIENT", "ID")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reading, 20)) != own
    assert line.ask("CLIENT", "ID") == own


def test_what_redis_refuses_leaves_the_line_as_it_is(line, broker):
    own = line.ask("CLIENT", "ID")
    broker.set("text", "x")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        line.ask("LPUSH", "text", "y")
    assert line.ask("CLIENT", "ID") == own


def test_a_line_to_a_replica_is_given_up(own_redis):
    with (
        redis.Redis.from_url(own_redis.server.url) as broker,
        redis.ConnectionPool.from_url(own_redis.server.url) as pool,
    ):
        line = Line(pool)
        own = line.ask("CLIENT", "ID")
        broker.replicaof("127.0.0.1", 1)
        with pytest.raises(redis.exceptions.ReadOnlyError):
            line.ask("LPUSH", "mail", "x")
        assert line.ask("CLIENT", "ID") != own


@given(st.lists(VALUES).map(tuple))
def test_plain_arguments_are_shown_as_celery_shows_them(values):
    assert plain(values, 1024) in (None, saferepr(values, 1024))


@pytest.mark.parametrize("values", [(), (1,), (1, 2.5, None, True), ("a word", "b8f0-4c")])
def test_numbers_and_plain_words_are_plain(values):
    assert plain(values, 1024) == saferepr(values, 1024)


@pytest.mark.parametrize("longest", [9, 10])
def test_arguments_at_the_bound_of_their_length_are_left_to_celery(longest):
    assert plain(("a" * 5,), longest) is None
    assert plain(("a" * 5,), 11) == saferepr(("a" * 5,), 11)
