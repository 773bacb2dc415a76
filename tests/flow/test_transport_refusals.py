"""A worker on our transport and a Redis that writes nothing for a while."""

from pathlib import Path
from typing import Any

import pytest
from own_redis import OwnRedis
from processes import eventually
from shops import numbers, stock_client, workers

POOLS = ["gevent", "prefork"]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("reconnects", [False, True], ids=["connected", "reconnecting"])
def test_a_worker_outlives_a_redis_that_refuses_to_write(
    own: OwnRedis, record: Any, redis_url: str, tmp_path: Path, pool: str, reconnects: bool
) -> None:
    with workers(own.url, tmp_path, record=redis_url) as start, stock_client(own.url) as send:
        worker = start(pool, concurrency=2)
        send(1, None)
        eventually(lambda: numbers(record, "begun") == [1], "it runs")
        own.refuse()
        if reconnects:
            own.client.client_kill_filter(_type="normal", skipme=True)
        record.set("go", "now")
        eventually(lambda: numbers(record, "ended") == [1], "it has ended, and cannot say so")
        says = "NOREPLICAS" if reconnects else "redis_refuses"
        eventually(lambda: worker.says(says), "the worker is refused")
        own.refuse(refuses=False)
        send(2, 0)
        eventually(lambda: numbers(record, "ended") == [1, 2], "the next one runs")
        eventually(lambda: own.client.hlen("unacked:shop") == 0, "both are acknowledged")
        assert numbers(record, "begun") == [1, 2]
