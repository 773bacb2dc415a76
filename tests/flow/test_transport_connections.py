"""How many connections to Redis a worker on our transport keeps: no more than a stock one."""

from typing import Any

import pytest
from processes import eventually
from shops import Start

POOLS = ["gevent", "prefork"]
BARE = ["--without-gossip", "--without-mingle", "--without-heartbeat"]


def settled(broker: Any, start_shop: Start, *arguments: str, stock: bool, **settings: Any) -> int:
    """How many connections an idle worker keeps, once it has made them all and left what it leaves."""
    # Other tests' may still be there.
    others = {one["id"] for one in broker.client_list()}
    running = start_shop(*arguments, stock=stock, **settings)
    found: list[dict[str, str]] = []

    def idle() -> bool:
        found[:] = [one for one in broker.client_list() if one["id"] not in others]
        busy = [one for one in found if int(one["age"]) < 3]
        return bool(found) and not busy and (stock or bool(broker.exists("penstock:born")))

    eventually(idle, "all its connections are three seconds old, and one has given a sign of life")
    running.kill()
    eventually(lambda: {one["id"] for one in broker.client_list()} <= others, "they are gone")
    broker.flushall()
    return len(found)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("bare", [False, True], ids=["usual", "bare"])
def test_an_idle_worker_keeps_no_more_connections_than_a_stock_one(
    broker: Any, start_shop: Start, pool: str, bare: bool
) -> None:
    arguments, settings = (BARE, {"worker_enable_remote_control": False}) if bare else ([], {})
    stock, ours = (settled(broker, start_shop, pool, *arguments, stock=stock, **settings) for stock in (True, False))
    assert ours <= stock
