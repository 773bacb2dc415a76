"""A plain Celery application on pools that the suite does not use itself, with what its users do to them."""

import json
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from celery import Celery
from processes import eventually
from shops import Start, numbers


def send_for_later(url: str, number: int, seconds: float) -> None:
    with Celery(broker=url, set_as_current=False) as client:
        client.conf.broker_transport = "kombu.transport.redis:Transport"
        client.send_task("pack", (number, 0), queue="shop", countdown=seconds)


def test_a_solo_worker_stops_after_its_task_however_many_wait(
    broker: Any, start_shop: Start, send: Callable[[int, float], None]
) -> None:
    worker = start_shop("solo")
    for number in range(100):
        send(number, 0.2)
    eventually(lambda: numbers(broker, "ended"), "it is at work")
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(10)
    assert len(numbers(broker, "ended")) < 20
    assert broker.llen("shop") + len(numbers(broker, "ended")) == 100
    assert broker.hlen("unacked:shop") == 0


def test_a_worker_with_one_thread_goes_from_task_to_task(
    broker: Any, start_shop: Start, send: Callable[[int, float], None]
) -> None:
    start_shop("threads", "--without-gossip", "--without-mingle", "--without-heartbeat")
    # If it waited for a timer between two of them, they would take some five minutes.
    for number in range(200):
        send(number, 0)
    eventually(lambda: numbers(broker, "ended") == list(range(200)), "all have run, in order", seconds=100)


def test_a_task_that_waits_for_its_time_over_a_lost_connection_runs_once(
    broker: Any, start_shop: Start, redis_url: str, send: Callable[[int, float], None]
) -> None:
    worker = start_shop("gevent")
    send_for_later(redis_url, 1, 5)
    send_for_later(redis_url, 2, 7)
    eventually(lambda: worker.text().count(" received") == 2, "both wait for its time")
    broker.client_kill_filter(_type="normal", skipme=True)
    eventually(lambda: 2 in numbers(broker, "ended"), "the later one has run")
    assert numbers(broker, "begun") == [1, 2]


def test_what_waits_for_a_thread_over_two_lost_connections_runs_once(
    broker: Any, start_shop: Start, send: Callable[[int, float | None], None]
) -> None:
    worker = start_shop("threads", worker_prefetch_multiplier=3)
    for number in range(3):
        send(number, None)
    eventually(lambda: numbers(broker, "begun") and broker.hlen("unacked:shop") == 3, "two wait for the first one")
    for times in (1, 2):
        eventually(lambda: any("t" in one["flags"] for one in broker.client_list()), "it listens")
        broker.client_kill_filter(_type="normal", skipme=True)
        eventually(lambda n=times: worker.text().count("Connection to broker lost") >= n, "it notices")
    broker.set("go", "now")
    eventually(lambda: broker.hlen("unacked:shop") + broker.llen("shop") == 0, "all are acknowledged")
    assert numbers(broker, "begun") == [0, 1, 2]


def test_what_waits_for_its_time_on_its_last_try_keeps_no_other_out(
    broker: Any, start_shop: Start, redis_url: str, send: Callable[[int, float], None]
) -> None:
    send_for_later(redis_url, 1, 600)
    message = json.loads(broker.lpop("shop"))
    message["headers"]["penstock_deliveries"] = 4
    broker.lpush("shop", json.dumps(message))
    worker = start_shop("gevent")
    eventually(lambda: worker.text().count(" received") == 1, "it waits for its time")
    send(2, 0)
    eventually(lambda: numbers(broker, "ended") == [2], "the other one has run", seconds=10)


@pytest.mark.parametrize("pool", ["gevent", "threads"])
def test_a_worker_whose_places_are_taken_leaves_the_processor_to_its_tasks(
    pool: str, broker: Any, start_shop: Start, send: Callable[[int, float | None], None]
) -> None:
    for number in range(3):
        send(number, None)
    worker = start_shop(pool, concurrency=2)
    eventually(lambda: len(numbers(broker, "begun")) == 2, "two run")
    # All that its tasks do is to ask twenty times a second whether they may end.
    assert psutil.Process(worker.process.pid).cpu_percent(interval=2) < 50
    broker.set("go", "now")
    eventually(lambda: numbers(broker, "ended").count(2) == 1, "the third one has run too")


def test_a_worker_that_is_to_prefetch_nothing_takes_what_runs(
    broker: Any, start_shop: Start, send: Callable[[int, float | None], None]
) -> None:
    for number in range(6):
        send(number, None)
    start_shop("prefork", concurrency=2, worker_disable_prefetch=True, worker_prefetch_multiplier=10)
    eventually(lambda: sorted(numbers(broker, "begun")) == [0, 1], "two run")
    assert broker.llen("shop") == 4
