"""A plain Celery application on pools that the suite does not use itself, with what its users do to them."""

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from processes import eventually
from shops import Start, numbers, stock_client


@pytest.fixture
def send(redis_url: str) -> Iterator[Callable[[int, float | None], None]]:
    with stock_client(redis_url) as send:
        yield send


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
    began = time.monotonic()
    for number in range(30):
        send(number, 0)
    eventually(lambda: numbers(broker, "ended") == list(range(30)), "all thirty have run, in order", seconds=60)
    assert time.monotonic() - began < 8, "it waits for no timer between two tasks"
