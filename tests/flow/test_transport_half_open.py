"""A worker on our transport whose connections lead nowhere, and who is not told: no end, no error, no answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from processes import eventually
from proxy import Proxy
from shops import numbers, stock_client, workers

POOLS = ["gevent", "prefork"]
SHORT = list(range(10, 40))


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    """What leads one worker to Redis."""
    with Proxy(urlsplit(redis_url).port or 0) as proxy:
        yield proxy


def by_way_of(proxy: Proxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


def rests(broker: Any) -> bool:
    """Whether a worker has asked for messages, and its last question is not from this second."""
    asked = [int(one["idle"]) for one in broker.client_list() if one["cmd"] == "evalsha"]
    return bool(asked) and min(asked) > 0


@pytest.mark.parametrize("pool", POOLS)
def test_a_worker_notices_that_its_connections_are_half_open_and_its_task_is_run_by_no_other(
    broker: Any, proxy: Proxy, redis_url: str, tmp_path: Path, pool: str
) -> None:
    with workers(redis_url, tmp_path) as start, stock_client(redis_url) as send:
        worker = start(pool, concurrency=2, url=by_way_of(proxy))
        send(1, None)
        eventually(lambda: numbers(broker, "begun") == [1], "the long one runs")
        other = start(pool, concurrency=1)
        proxy.black_hole(ports=proxy.connections)
        for number in SHORT:
            send(number, 0.1)
        eventually(lambda: worker.says("Connection to broker lost"), "the worker notices", seconds=15)
        eventually(lambda: worker.text().count("Connected to redis") >= 2, "it connects anew")
        broker.set("go", "now")
        eventually(lambda: {1, *SHORT} <= set(numbers(broker, "ended")), "all have run")
        # What was on its way to Redis arrives now, after the worker has given it up: perhaps a claim.
        proxy.heal()
        send(2, 0)
        eventually(lambda: 2 in numbers(broker, "ended"), "they work on")
        eventually(lambda: broker.hlen("unacked:shop") == broker.llen("shop") == 0, "all are acknowledged")
        assert numbers(broker, "begun").count(1) == 1, worker.text() + other.text()


@pytest.mark.parametrize("pool", POOLS)
def test_what_a_worker_claimed_without_hearing_of_it_goes_back(
    broker: Any, proxy: Proxy, redis_url: str, tmp_path: Path, pool: str
) -> None:
    with workers(redis_url, tmp_path, abandoned_after=9) as start, stock_client(redis_url) as send:
        start(pool, concurrency=2, url=by_way_of(proxy))
        eventually(lambda: rests(broker), "it has been answered that there is nothing, and waits")
        proxy.black_hole(ports=proxy.connections, only_answers=True)
        send(1, 0)
        eventually(lambda: broker.hlen("unacked:shop") == 1, "Redis has given it away")
        eventually(lambda: numbers(broker, "ended") == [1], "it has run")
        eventually(lambda: broker.hlen("unacked:shop") == 0, "it is acknowledged")
        assert numbers(broker, "begun") == [1]
