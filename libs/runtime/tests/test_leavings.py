"""What stock workers of kombu's own names hold and leave, while a fleet moves to ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from kombu import Connection, Exchange, Queue

from penstock_runtime.transport.leavings import MOST_FREED

OPTIONS = {"sep": ":", "priority_steps": [0, 5], "visibility_timeout": 100}
NEWS = Queue("shop", Exchange("news", type="topic"), routing_key="news.#")


@pytest.fixture
def broker(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def stock(redis_url: str) -> Iterator[Connection]:
    with Connection(redis_url, transport="kombu.transport.redis:Transport") as connection:
        yield connection


@pytest.fixture
def ours(redis_url: str) -> Iterator[Connection]:
    options = OPTIONS | {"moving_from_stock": True}
    with Connection(
        redis_url, transport="penstock_runtime.transport:Transport", transport_options=options
    ) as connection:
        yield connection


def take(stock: Connection, broker: Any, numbers: Any, *, queue: str = "shop", age: float, **how: Any) -> None:
    """A stock worker took these so long ago, and died."""
    before = set(broker.hkeys("unacked"))
    for number in numbers:
        stock.Producer(serializer="json").publish(number, **how or {"routing_key": queue})
        assert stock.default_channel.basic_get(queue).decode() == number
    stock.default_channel.qos._delivered.clear()
    for tag in set(broker.hkeys("unacked")) - before:
        broker.zincrby("unacked_index", -age, tag)


def received(ours: Connection, count: int) -> list[int]:
    """So many from the queue `shop`, acknowledged."""
    found: list[int] = []

    def take_one(body: int, message: Any) -> None:
        found.append(body)
        message.ack()

    with ours.Consumer([Queue("shop", channel=ours.default_channel)], callbacks=[take_one]):
        while len(found) < count:
            ours.drain_events(timeout=5)
    return found


def test_what_a_stock_worker_held_for_too_long_goes_back_and_what_it_took_lately_stays(
    stock: Connection, ours: Connection, broker: Any
) -> None:
    take(stock, broker, [1, 2], age=200)
    take(stock, broker, [3], age=0)
    assert sorted(received(ours, 2)) == [1, 2]
    [left] = broker.hvals("unacked")
    assert broker.zcard("unacked_index") == 1
    assert json.loads(left)[2] == "shop"


def test_what_is_of_a_queue_that_others_consume_is_left_to_them(
    stock: Connection, ours: Connection, broker: Any
) -> None:
    take(stock, broker, range(3), queue="letters", age=200)
    broker.hset("unacked", "unreadable", "no JSON at all")
    broker.zadd("unacked_index", {"unreadable": 1})
    take(stock, broker, [7], age=200)
    assert received(ours, 1) == [7]
    assert broker.hlen("unacked") == 4
    assert broker.llen("letters") == 0


def test_more_than_one_look_returns_go_back_with_the_next(stock: Connection, ours: Connection, broker: Any) -> None:
    take(stock, broker, range(MOST_FREED + 5), age=200)
    assert sorted(received(ours, MOST_FREED + 5)) == list(range(MOST_FREED + 5))
    assert broker.hlen("unacked") == broker.zcard("unacked_index") == 0


def test_a_message_of_a_named_exchange_finds_the_queue_that_a_stock_worker_bound(
    stock: Connection, ours: Connection, broker: Any
) -> None:
    NEWS(stock.default_channel).declare()
    take(stock, broker, [1], age=200, exchange=NEWS.exchange, routing_key="news.today")
    NEWS(ours.default_channel).declare()
    assert received(ours, 1) == [1]
    ours.Producer(serializer="json").publish(2, exchange=NEWS.exchange, routing_key="news.late")
    assert received(ours, 1) == [2], "both separators stand in the table of bindings"


def test_a_list_whose_name_is_kombus_anyway_is_read_once(redis_url: str) -> None:
    options = {"moving_from_stock": True}
    with Connection(
        redis_url, transport="penstock_runtime.transport:Transport", transport_options=options
    ) as connection:
        keys = connection.default_channel.keys_of("shop")
    assert keys.lists == ("shop", "shop\x06\x163", "shop\x06\x166", "shop\x06\x169")


def test_lists_of_both_names_are_read_the_most_urgent_first(stock: Connection, ours: Connection) -> None:
    for number in (9, 6, 3, 0):
        stock.Producer(serializer="json").publish(number, routing_key="shop", priority=number)
    ours.Producer(serializer="json").publish(5, routing_key="shop", priority=5)
    assert received(ours, 5) == [0, 3, 5, 6, 9]
