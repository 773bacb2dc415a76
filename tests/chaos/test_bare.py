"""The verdict on a Celery application without the ledger: what its tasks wrote down, and what still lies in Redis."""

from collections.abc import Iterator
from random import Random
from time import time

import pytest
import redis
from chaos import bare, work
from chaos.faults import Hit
from chaos.plan import Act, Fault, Kind
from chaos.record import sentences
from chaos.waits import STUCK
from kombu import Connection
from sqlalchemy import Engine, text

from penstock_contracts.queues import MAIL


@pytest.fixture
def database_url(emptied_database_url: str) -> str:
    return emptied_database_url


class Shop:
    """What a run of one task, which was sent, has left."""

    def __init__(self, engine: Engine, client: "redis.Redis") -> None:
        self.engine, self.client = engine, client
        self.job = work.make(MAIL, 1, "run", Random(1))
        self.job.accepted(self.job.key)
        self.hits: list[Hit] = []

    def ran(self, began: float, ended: float | None = None) -> None:
        """Seconds ago; without an end its process was killed. The first end has the effect."""
        run = "INSERT INTO runs (key, worker, pid, began_at, ended_at) VALUES (:key, 'mail-1', 1, {}, {})"
        ago = ["NULL" if seconds is None else f"now() - interval '{seconds} s'" for seconds in (began, ended)]
        with self.engine.begin() as connection:
            connection.execute(text(run.format(*ago)), {"key": self.job.key})
            if ended is not None:
                effect = f"INSERT INTO effects VALUES (:key, {ago[1]}) ON CONFLICT DO NOTHING"
                connection.execute(text(effect), {"key": self.job.key})

    def found(self) -> list[str]:
        """The findings."""
        return sentences(bare.examine(self.engine, self.client, [self.job], self.hits, {MAIL.name: 1}))


@pytest.fixture
def shop(database: Engine, redis_url: str) -> Iterator[Shop]:
    with database.begin() as connection:
        connection.execute(text(bare.TABLES))
    with redis.Redis.from_url(redis_url) as client:
        yield Shop(database, client)
    with database.begin() as connection:
        connection.execute(text("DROP TABLE runs, effects"))


def test_a_task_that_had_its_effect_is_as_it_must_be(shop: Shop) -> None:
    shop.ran(2, 1)
    assert shop.found() == []


def test_a_task_that_is_nowhere_is_lost(shop: Shop) -> None:
    shop.ran(2)
    assert shop.found() == ["lost: run-1: was sent, has no effect, and is nowhere in Redis"]


def test_a_task_that_redis_still_has_is_stuck_wherever_it_lies(shop: Shop, redis_url: str) -> None:
    with Connection(redis_url) as sender:
        sender.SimpleQueue("shop").put({}, headers={"id": shop.job.key})
    assert shop.found() == ["stuck: run-1: lies in shop"]
    content = shop.client.lpop("shop")
    shop.client.hset("unacked", "a tag", f"[{content.decode()}, '', 'shop']")
    assert shop.found() == ["stuck: run-1: lies in unacked"]


def test_a_task_that_could_not_even_be_sent_is_stuck(shop: Shop) -> None:
    shop.job.accepted_at = None
    assert shop.found() == ["stuck: run-1: could not be sent (0 repeats)"]


def test_a_second_run_after_a_kill_is_as_it_must_be_and_one_beside_the_first_is_not(shop: Shop) -> None:
    shop.ran(9)
    shop.ran(8, 4)
    assert shop.found() == []
    shop.ran(6, 3)
    [sentence] = shop.found()
    assert sentence.startswith("doubled: run-1: began again at ")
    shop.job.repeats = 1
    assert shop.found() == [], "whoever sent it twice has two"


@pytest.mark.parametrize(("ago", "found"), [(STUCK - 10, 0), (STUCK + 10, 1)])
def test_a_task_that_was_hit_must_end_within_a_minute(shop: Shop, ago: float, found: int) -> None:
    hit = Hit(Fault(Kind.MAIL, Act.KILL), "mail-1", frozenset({shop.job.key}), time() - ago - 2, time() - ago - 1)
    shop.hits, shop.job.accepted_at = [hit], time() - ago - 5
    shop.ran(1, 0)
    assert len(shop.found()) == found
