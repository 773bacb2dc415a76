"""Our transport behind a sentinel: the master goes, the replica takes over, and workers go on there."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError
from processes import eventually
from redis_group import NAME, Group
from shops import numbers, workers

LONG = [1, 2]
WAKING = [10_001, 10_002, 10_003]
MOST_WAITING = 30
ENDS: list[tuple[str, Callable[[Group], None]]] = [
    ("gevent", Group.kill_master),
    ("prefork", Group.kill_master),
    ("gevent", Group.hand_over),
]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with closing(Group(tmp_path)) as group:
        yield group


class Sender:
    """A stock client. As load, it sends short tasks one after another, each until a replica has it."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._client = Celery(broker=group.url, set_as_current=False)
        self._client.conf.broker_transport = "kombu.transport.redis:SentinelTransport"
        self._client.conf.broker_transport_options = {"master_name": NAME, "socket_timeout": 2}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._load, daemon=True)
        self.sent: list[int] = []

    def send(self, number: int, seconds: float | None, **options: Any) -> None:
        self._client.send_task("pack", (number, seconds), queue="shop", **options)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> list[int]:
        """What a replica had, or the one that is master now."""
        self._stop.set()
        self._thread.join(30)
        return self.sent

    def _load(self) -> None:
        # What fails while it sends is the client's own OperationalError, and not what the connection raised.
        lost = (OSError, redis.RedisError, OperationalError, *self._client.connection_for_write().connection_errors)
        while not self._stop.is_set():
            with suppress(*lost):
                self._over_one_connection()

    def _over_one_connection(self) -> None:
        with self._client.connection_for_write() as connection:
            server = connection.default_channel.client
            is_the_new_one = server.config_get("port")["port"] == str(self._group.ports[1])
            while not self._stop.is_set():
                if server.llen("shop") > MOST_WAITING:
                    continue
                number = 100 + len(self.sent)
                self.send(number, 0.01, connection=connection, retry=False)
                if is_the_new_one or server.wait(1, 500):
                    self.sent.append(number)


@pytest.fixture
def sender(group: Group) -> Iterator[Sender]:
    sender = Sender(group)
    yield sender
    sender.end()
    sender._client.close()


@pytest.mark.parametrize(("pool", "end"), ENDS, ids=lambda it: getattr(it, "__name__", it))
def test_workers_go_on_after_a_failover_under_load(
    group: Group, sender: Sender, record: Any, redis_url: str, tmp_path: Path, pool: str, end: Callable[[Group], None]
) -> None:
    # With so long between two looks, only what Redis tells can wake the worker.
    options = {"master_name": NAME, "poll_interval": 600}
    with workers(group.url, tmp_path, record=redis_url, **options) as start:
        worker = start(pool, concurrency=6)
        for number in LONG:
            sender.send(number, None)
        eventually(lambda: sorted(numbers(record, "begun")) == LONG, "the long ones run")
        sender.begin()
        eventually(lambda: len(numbers(record, "ended")) > 50, "short ones run beside them")
        end(group)
        eventually(group.failed_over, "the replica takes over")
        before = len(numbers(record, "ended"))
        eventually(lambda: len(numbers(record, "ended")) > before + 50, "the worker goes on there")
        record.set("go", "now")
        sent = sender.end()

        server = group.replica
        eventually(lambda: {*LONG, *sent} <= set(numbers(record, "ended")), "all that the replica had has run")
        eventually(lambda: server.llen("shop") == server.hlen("unacked:shop") == 0, "all are acknowledged there")
        begun = numbers(record, "begun")
        assert [begun.count(number) for number in LONG] == [1, 1], worker.text()
        for number in WAKING:
            sender.send(number, 0)
            eventually(lambda number=number: number in numbers(record, "ended"), "it is woken", seconds=10)
        eventually(lambda: server.hlen("unacked:shop") == 0, "all are acknowledged", seconds=10)
