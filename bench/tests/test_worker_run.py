"""A worker counts for what it has done, and its commands for what Redis was given."""

import json
from base64 import b64decode
from dataclasses import replace

import psutil
import pytest
import redis
from bench.commands import SCRIPT, Seen, Watched, executed, watching
from bench.stock_search import BASE
from bench.waiting import AFTER_PUSH, consumers, woken
from bench.worker_app import QUEUE, Tally
from bench.worker_run import NOOP, faults, run, watch
from bench.worker_throughput import Memory
from processes import eventually

SMALL = replace(BASE, concurrency=4)


@pytest.fixture
def other(redis_url):
    with redis.Redis.from_url(redis_url, single_connection_client=True) as client:
        yield client


def test_each_copy_of_a_message_has_its_own_id_tag_and_number(bench):
    bench.copies(BASE, NOOP).fill(bench.client, range(1, 4))
    messages = [json.loads(raw) for raw in bench.client.lrange(QUEUE, 0, -1)]
    assert [json.loads(b64decode(one["body"]))[0] for one in messages] == [[3], [2], [1]]
    assert len({one["headers"]["id"] for one in messages}) == 3
    assert len({one["properties"]["delivery_tag"] for one in messages}) == 3
    assert {one["headers"]["task"] for one in messages} == {NOOP}


def test_a_copy_has_all_that_the_producers_message_has(bench):
    [sent] = (bench.client.rpop(QUEUE) for _ in [bench.copies(BASE, NOOP).fill(bench.client, [7])])
    assert {"body", "headers", "properties", "content-type", "content-encoding"} == json.loads(sent).keys()


def test_a_worker_that_ran_each_number_once_is_believed():
    assert faults("stock", Tally(count=4, total=10), 4) == []


@pytest.mark.parametrize(
    "tally",
    [Tally(), Tally(count=3, total=6), Tally(count=5, total=14), Tally(count=4, total=9)],
    ids=["nothing", "one missing", "one twice", "one twice in another's place"],
)
def test_a_worker_that_did_not_is_found_out(tally):
    [said] = faults("stock", tally, 4)
    assert f"stock: its tasks ran {tally.count} times" in said


def test_a_run_tells_what_a_task_took_and_that_all_were_run(bench):
    got = run(bench, SMALL, 300)
    assert (got.count, got.faults) == (300, [])
    assert got.rate > 0
    assert min(got.worker_us, got.redis_us) >= 0
    # One that takes, and two transactions of four.
    assert sum(got.executed.values()) == pytest.approx(9, abs=0.5)


def test_a_watched_run_tells_what_the_worker_sent_for_a_task(bench):
    got = watch(bench, SMALL, 300)
    assert got.faults == []
    assert sum(got.sent.values()) == pytest.approx(9, abs=0.5)
    assert got.sent.keys() == {"brpop", "multi", "exec", "zadd", "hset", "zrem", "hdel"}


def test_what_a_script_calls_is_executed_and_not_sent(bench, other):
    with watching(bench.url, bench.client) as watched:
        other.eval("redis.call('SET', 'a', 1) return redis.call('GET', 'a')", 0)
        other.get("a")
    assert watched.sent() == {"eval": 1, "get": 1}
    assert watched.executed() == {"eval": 1, "get": 2, "set": 1}


def test_what_the_measurement_itself_sends_is_left_out(bench, other):
    with watching(bench.url, bench.client) as watched:
        bench.client.get("a")
        other.get("a")
    assert watched.sent() == {"get": 1}


def test_redis_counts_what_scripts_call_too(bench, other):
    before = executed(bench.client)
    other.eval("return redis.call('GET', 'a')", 0)
    called = executed(bench.client) - before
    assert (called["eval"], called["get"]) == (1, 1)


def test_memory_is_looked_at_once_each_step(bench):
    memory = Memory()
    look = memory.looks(10)
    for done in (0, 9, 10, 12, 19, 25, 26, 30):
        look(done, psutil.Process())
    assert memory.tasks == [10, 25, 30]
    assert min(memory.mib) > 1


def test_a_crowd_takes_what_is_pushed(bench, other):
    copies = bench.copies(BASE, NOOP)
    with consumers(bench, BASE, 3):
        copies.fill(other, range(10))
        eventually(lambda: bench.left(BASE) == 0, "all is taken and acknowledged")


def test_who_sends_soon_after_a_push_has_woken_up():
    late = 2 * AFTER_PUSH
    commands = [
        Seen(10.0, "a", "brpop"),
        Seen(10.0, "a", "hset"),
        Seen(10.0, SCRIPT, "get"),
        Seen(10 + late, "b", "brpop"),
    ]
    assert woken(Watched(commands), [10.0]) == 1
    assert woken(Watched(commands), [10.0, 10 + late, 20.0]) == pytest.approx(2 / 3)
