"""Our transport under a plain Celery application: killed workers, cut connections, an emptied Redis."""

from collections.abc import Callable
from typing import Any

import pytest
from kombu import Connection
from processes import eventually
from shops import Start, numbers

POOLS = ["gevent", "prefork"]


@pytest.mark.parametrize("pool", POOLS)
def test_what_a_killed_worker_ran_runs_again_within_thirty_seconds_and_in_its_order(
    broker: Any, start_shop: Start, send: Callable[[int, float], None], pool: str
) -> None:
    first = start_shop(pool, concurrency=3)
    for number in (1, 2, 3):
        send(number, 600)
    eventually(lambda: sorted(numbers(broker, "begun")) == [1, 2, 3], "all three run")
    assert broker.hlen("unacked:shop") == 3
    start_shop(pool)
    first.kill()
    eventually(lambda: len(numbers(broker, "begun")) == 4, "the first one runs again", seconds=30)
    assert numbers(broker, "begun")[3] == 1
    assert broker.hlen("unacked:shop") + broker.llen("shop") == 3
    assert broker.hlen("unacked:shop") == 1, "what is claimed is what runs"


@pytest.mark.parametrize("pool", POOLS)
def test_a_task_outlives_its_connection_and_is_acknowledged_over_the_next(
    broker: Any, start_shop: Start, send: Callable[[int, float], None], pool: str
) -> None:
    worker = start_shop(pool)
    send(1, 4)
    eventually(lambda: numbers(broker, "begun") == [1], "it runs")
    broker.client_kill_filter(_type="normal", skipme=True)
    send(2, 0)
    eventually(lambda: numbers(broker, "ended") == [1, 2], "both have ended")
    eventually(lambda: broker.hlen("unacked:shop") == 0, "both are acknowledged")
    assert numbers(broker, "begun") == [1, 2], worker.text()


@pytest.mark.parametrize("pool", POOLS)
def test_a_worker_runs_as_many_at_once_after_a_lost_connection(
    broker: Any, start_shop: Start, send: Callable[[int, float | None], None], pool: str
) -> None:
    worker = start_shop(pool, concurrency=2)
    send(1, None)
    eventually(lambda: numbers(broker, "begun") == [1], "the first one runs")
    broker.client_kill_filter(_type="normal", skipme=True)
    eventually(lambda: worker.text().count("Connected to") == 2, "it has another connection")
    send(2, None)
    eventually(lambda: numbers(broker, "begun") == [1, 2], "the second one runs beside it", seconds=10)


def test_what_runs_is_counted_again_after_redis_was_emptied(
    broker: Any, start_shop: Start, send: Callable[[int, float], None]
) -> None:
    start_shop("gevent")
    send(1, 12)
    eventually(lambda: broker.exists("penstock:born") and broker.hlen("unacked:shop") == 1, "its sign of life is there")
    broker.flushall()
    eventually(lambda: broker.hlen("unacked:shop") == 1, "it is counted again", seconds=10)
    eventually(lambda: numbers(broker, "ended") == [1], "it has ended")
    eventually(lambda: broker.hlen("unacked:shop") == 0, "it is acknowledged")
    assert broker.llen("shop") == 0


def test_a_worker_with_one_greenlet_goes_from_task_to_task(
    broker: Any, start_shop: Start, send: Callable[[int, float], None]
) -> None:
    start_shop("gevent")
    for number in range(40):
        send(number, 0)
    eventually(lambda: numbers(broker, "ended") == list(range(40)), "all forty have run, in order", seconds=30)
    eventually(lambda: broker.hlen("unacked:shop") == 0, "all are acknowledged", seconds=5)


def test_a_message_that_says_nothing_readable_goes_to_the_dead_letters_and_the_next_one_runs(
    broker: Any, start_shop: Start, send: Callable[[int, float], None]
) -> None:
    broker.lpush("shop", "no JSON at all")
    send(1, 0)
    start_shop("gevent")
    eventually(lambda: numbers(broker, "ended") == [1], "the next one runs")
    [letter] = broker.hvals("dead:shop")
    assert "undecodable" in letter
    eventually(lambda: broker.hlen("unacked:shop") == 0, "both are settled")


def test_a_stock_worker_and_ours_share_a_queue(redis_url: str, broker: Any) -> None:
    options = {"sep": ":", "priority_steps": [0, 5]}
    stock = options | {"unacked_key": "unacked:shop", "unacked_index_key": "unacked:shop_index"}
    with (
        Connection(redis_url, transport="penstock_runtime.transport:Transport", transport_options=options) as ours,
        Connection(redis_url, transport="kombu.transport.redis:Transport", transport_options=stock) as theirs,
    ):
        for sender, receiver in ((ours, theirs), (theirs, ours)):
            for priority in (0, 5):
                sender.Producer(serializer="json").publish(
                    {"from": str(priority)}, routing_key="shop", priority=priority
                )
            for priority in (0, 5):
                message = receiver.default_channel.basic_get("shop", no_ack=False)
                assert message.decode() == {"from": str(priority)}
                message.ack()
        assert broker.hlen("unacked:shop") == broker.llen("shop") == broker.llen("shop:5") == 0
