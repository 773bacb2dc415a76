"""What the committed search found is what is run as the fastest stock settings."""

import json

import pytest
from bench.stock_search import CHANGES, CONCURRENCIES, GEVENT, PREFETCHES, Search, Tried, fastest, kept
from bench.worker_app import STOCK, Setup


@pytest.fixture(scope="module", params=CONCURRENCIES)
def pool(request):
    return request.param


@pytest.fixture(scope="module")
def tried(pool):
    return json.loads(kept(pool).read_text(encoding="utf-8"))["tried"]


def test_the_fastest_is_stock_and_was_the_fastest_of_the_last_stage(pool, tried):
    last = [Tried(**one) for one in tried if one["stage"] == tried[-1]["stage"]]
    best = max(last, key=lambda one: one.rate)
    assert fastest(pool) == Setup.read(json.dumps(best.setup))
    assert (fastest(pool).transport, fastest(pool).pool) == (STOCK, pool)


def test_all_sizes_and_under_gevent_all_changes_were_tried(pool, tried):
    sizes = {(one["setup"]["concurrency"], one["setup"]["prefetch"]) for one in tried if one["stage"] == "sizes"}
    assert sizes == {(concurrency, prefetch) for concurrency in CONCURRENCIES[pool] for prefetch in PREFETCHES}
    assert pool != GEVENT or CHANGES.keys() <= {one["name"] for one in tried}


def test_the_last_stage_decides():
    slow, quick = Setup(STOCK, concurrency=1), Setup(STOCK, concurrency=2)
    early = Tried("early", "a", slow, rates=[900.0])
    late = [Tried("late", "b", slow, rates=[100.0, 700.0, 90.0]), Tried("late", "c", quick, rates=[200.0])]
    assert Search([early, *late]).fastest == quick


def test_a_setup_is_read_as_it_was_written():
    setup = Setup(STOCK, 7, 0, ("--without-gossip",), {"a": 1}, {"b": 2}, "ERROR", {"C": "3"})
    assert Setup.read(setup.text) == setup
