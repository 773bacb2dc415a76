"""A fleet moves from stock Celery to our transport, and back: workers are killed, and no message is left behind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from celery import Celery
from processes import Running, eventually
from shops import Start

STOCK_LISTS = ["shop", "shop\x06\x163", "shop\x06\x166", "shop\x06\x169"]
ALIKE = {"sep": ":", "priority_steps": [0, 5], "visibility_timeout": 4}
STOCK = ALIKE | {
    "unacked_key": "unacked:shop",
    "unacked_index_key": "unacked:shop_index",
    # Of kombu's options, those that make it look each second and not in a hundred.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 2,
}
OURS = ALIKE | {"abandoned_after": 13}

Send = Callable[..., None]


@pytest.fixture
def sender(redis_url: str) -> Iterator[Callable[[dict[str, Any]], Send]]:
    """A stock Celery client with these transport options, which sends a number."""
    with ExitStack() as clients:

        def one(options: dict[str, Any]) -> Send:
            client = clients.enter_context(Celery(broker=redis_url, set_as_current=False))
            client.conf.broker_transport = "kombu.transport.redis:Transport"
            client.conf.broker_transport_options = options
            return lambda number, seconds, priority=0: client.send_task(
                "pack", (number, seconds), queue="shop", priority=priority
            )

        yield one


def numbers(broker: Any, name: str) -> set[int]:
    return {int(number) for number in broker.lrange(name, 0, -1)}


def lies(broker: Any, *names: str) -> int:
    """How many messages these lists and hashes hold."""
    return sum(broker.hlen(name) if name.startswith("unacked") else broker.llen(name) for name in names)


def test_what_a_stock_fleet_of_kombus_own_names_left_is_run_after_the_move(
    broker: Any, start_shop: Start, sender: Callable[..., Send]
) -> None:
    send = sender({})
    for number in range(24):
        send(number, 5 if number in (0, 4) else 0, priority=(0, 3, 6, 9)[number % 4])
    left = start_shop("prefork", stock=True, concurrency=2, worker_prefetch_multiplier=4)
    eventually(lambda: numbers(broker, "begun") == {0, 4} and lies(broker, "unacked") == 8, "it has what it may")
    left.kill()
    assert lies(broker, "unacked") == 8
    assert all(broker.llen(name) for name in STOCK_LISTS[2:])

    start_shop("gevent", concurrency=10, broker_transport_options=ALIKE | {"moving_from_stock": True})
    eventually(lambda: numbers(broker, "ended") == set(range(24)), "all have run")
    send(24, 0, priority=9)
    eventually(lambda: 24 in numbers(broker, "ended"), "what a client that has not moved sends is run, too")
    everywhere = [*STOCK_LISTS, "shop:5", "unacked", "unacked:shop"]
    eventually(lambda: lies(broker, *everywhere) == 0, "nothing is left")
    assert broker.zcard("unacked_index") == 0


def test_a_fleet_that_is_rolled_to_ours_and_back_and_killed_meanwhile_runs_every_message(
    broker: Any, start_shop: Start, sender: Callable[..., Send]
) -> None:
    send, sent = sender({"sep": ":", "priority_steps": [0, 5]}), iter(range(10_000))
    fleet: dict[str, tuple[bool, Running]] = {}

    def join(name: str, *, stock: bool) -> None:
        options = STOCK if stock else OURS
        worker = start_shop("prefork", stock=stock, broker_transport_options=options, worker_prefetch_multiplier=1)
        fleet[name] = stock, worker

    def kill_one(*, stock: bool) -> None:
        """While it runs something long: it is taking nothing then, which stock kombu would lose."""

        def one_begins() -> str:
            number = next(sent)
            send(number, 3)
            name: str = eventually(lambda: broker.hget("where", number), f"{number} begins")
            return name.partition("@")[0]

        victim = next(name for name in iter(one_begins, None) if fleet[name][0] is stock)
        fleet.pop(victim)[1].kill()

    join("0", stock=True)
    join("1", stock=True)
    for step, becomes_stock in enumerate((False, False, True, True), start=2):
        for _ in range(10):
            number = next(sent)
            send(number, 0.1, priority=number % 2 * 5)
        join(str(step), stock=becomes_stock)
        kill_one(stock=not becomes_stock)
    assert [stock for stock, _ in fleet.values()] == [True, True]
    all_of_them = set(range(next(sent)))
    eventually(lambda: numbers(broker, "ended") == all_of_them, "every message has run")
    eventually(lambda: lies(broker, "shop", "shop:5", "unacked:shop") == 0, "nothing is left")
