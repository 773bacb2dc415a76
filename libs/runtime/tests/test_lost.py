"""Redis loses messages, or only seems to: what it lost comes back once, and what it holds is left alone."""

import json
import random
from datetime import timedelta
from functools import partial

import pytest
import redis
from kombu import Connection
from sqlalchemy import bindparam, select, update

from penstock_contracts.queues import Priority
from penstock_runtime.broker import transport_options
from penstock_runtime.ledger import lost
from penstock_runtime.redis_losses import EPOCH_KEY
from penstock_runtime.schema import NOW, jobs
from penstock_runtime.schema import relay as counter

LONG_AGO = NOW - timedelta(hours=1)


@pytest.fixture(params=[1, 2], ids=["one_relay", "two_relays"])
def pass_by(request, relay, at_once):
    """Let each relay pass, all at once; `pass_by(5)`: five times."""
    relays = [relay() for _ in range(request.param)]

    def all_pass(times=1):
        for _ in range(times):
            at_once(len(relays), lambda number: relays[number].one_pass())

    return all_pass


@pytest.fixture
def waiting(ledger, pass_by, listed):
    """Make jobs that wait in Redis: `waiting(3)` is their ids."""

    def make(count):
        ids = ledger.accept_many(count)
        pass_by()
        assert ledger.count(state="accepted") == 0
        return ids

    return make


@pytest.fixture
def take_one(settings):
    """Take a message as a Celery worker does, and leave it unacknowledged."""
    options = transport_options(settings)
    with Connection(settings.broker_url, transport_options=options) as connection:
        yield lambda: connection.default_channel.basic_get("ops_trace", no_ack=False)


def set_counter(ledger, broker, epoch):
    ledger.do(lambda connection: connection.execute(update(counter).values(epoch=epoch, confirmed=epoch)))
    broker.set(EPOCH_KEY, epoch)


def stamp(ledger, broker, stamps):
    """Let the messages, in the order of their list, and their rows have been stamped at these times."""
    messages = [json.loads(raw) for raw in reversed(broker.lrange("ops_trace", 0, -1))]
    rows = []
    for message, at in zip(messages, stamps, strict=True):
        message["headers"]["penstock"]["published_at"] = at.isoformat()
        rows.append({"job": message["headers"]["id"], "at": at})
    broker.delete("ops_trace")
    broker.lpush("ops_trace", *(json.dumps(message) for message in messages))
    one = update(jobs).where(jobs.c.id == bindparam("job")).values(published_at=bindparam("at"))
    ledger.do(lambda connection: connection.execute(one, rows))


@pytest.fixture
def an_hour_ago(ledger):
    return ledger.do(lambda connection: connection.execute(select(LONG_AGO)).scalar_one())


def test_all_that_waited_in_an_emptied_redis_is_there_again_once(waiting, pass_by, broker, listed, eventually):
    ids = waiting(1000)
    broker.flushall()
    eventually(lambda: pass_by() or len(listed()) >= 1000)
    pass_by(5)
    assert sorted(listed()) == ids


def test_only_what_was_published_since_is_published_again_to_a_redis_that_was_restored(
    ledger, waiting, pass_by, broker, listed
):
    known = waiting(30)
    set_counter(ledger, broker, 1000)
    ledger.change(published_epoch=900)
    recent = waiting(3)
    saved = broker.lrange("ops_trace", 0, -1)
    set_counter(ledger, broker, 1100)
    gone = waiting(20)
    broker.delete("ops_trace")
    broker.rpush("ops_trace", *saved)
    broker.set(EPOCH_KEY, 1000)
    pass_by(5)
    # What was published just before its last known epoch may be missing as well.
    assert sorted(listed()) == sorted(known + recent + recent + gone)


def test_a_loss_between_the_relays_look_at_redis_and_its_next_epoch_is_seen(
    ledger, database, relay, broker, listed, in_background, eventually
):
    one = relay(publish_timeout=60)  # so that only the epoch can tell
    ids = ledger.accept_many(10)
    one.one_pass()
    ledger.do(lambda connection: connection.execute(update(counter).values(confirmed=100, epoch=100, beat_at=LONG_AGO)))
    broker.set(EPOCH_KEY, 100)
    ledger.change(published_epoch=100)
    with database.begin() as connection:
        connection.execute(update(counter).values(epoch=counter.c.epoch))
        passing = in_background(one.one_pass)
        eventually(ledger.waiting)
        broker.flushall()
    passing.result()
    eventually(lambda: one.one_pass() or len(listed()) >= 10)
    assert sorted(listed()) == ids


def test_a_second_loss_before_the_first_is_made_good_leaves_nothing_behind(ledger, waiting, pass_by, broker, listed):
    ids = waiting(30)
    for _ in range(3):
        broker.flushall()
        pass_by()
    pass_by(3)
    assert sorted(listed()) == ids


def test_a_redis_that_restarts_with_all_it_had_gets_what_it_may_lack_once(ledger, relay, own_redis, at_once, settings):
    relays = [relay(broker_url=own_redis.server.url) for _ in range(2)]
    pass_by = partial(at_once, 2, lambda number: relays[number].one_pass())
    old = ledger.accept_many(20)
    pass_by()
    ledger.change(published_epoch=-100)
    new = ledger.accept_many(3)
    pass_by()
    with redis.Redis.from_url(own_redis.server.url, decode_responses=True) as broker:
        broker.config_set("appendfsync", "always")
        broker.set("written", "down")
        own_redis.kill()
        own_redis.start()
        for _ in range(5):
            pass_by()
        found = sorted(json.loads(raw)["headers"]["id"] for raw in broker.lrange("ops_trace", 0, -1))
    assert found == sorted(old + new + new)


def test_two_thousand_that_wait_without_a_worker_through_many_passes_stay_two_thousand(
    ledger, waiting, pass_by, broker, listed, an_hour_ago
):
    ids = waiting(2000)
    order = random.Random(1)
    # Concurrent publishers push in another order than they stamped, within their time-out of two seconds.
    stamps = [an_hour_ago + timedelta(seconds=order.uniform(0, 1.9)) for _ in ids]
    stamp(ledger, broker, stamps)
    pass_by(5)
    assert sorted(listed()) == ids
    assert ledger.count(missing_since=None) == 2000


def test_a_message_lost_between_list_and_worker_is_found_once_those_behind_it_move(
    ledger, waiting, pass_by, broker, listed, eventually, an_hour_ago
):
    gone, *behind = waiting(3)
    stamp(ledger, broker, [an_hour_ago + timedelta(minutes=minute) for minute in range(3)])
    broker.rpop("ops_trace")
    eventually(lambda: pass_by() or gone in listed())
    pass_by(5)
    assert listed() == [*behind, gone]


def test_the_only_message_of_a_list_is_found_to_be_lost(ledger, waiting, pass_by, broker, listed, eventually):
    [gone] = waiting(1)
    broker.rpop("ops_trace")
    ledger.change(gone, published_at=LONG_AGO)
    eventually(lambda: pass_by() or listed())
    pass_by(5)
    assert listed() == [gone]


def test_an_empty_list_says_nothing_about_a_message_that_may_still_be_pushed(ledger, waiting, pass_by, broker):
    [job_id] = waiting(1)
    broker.rpop("ops_trace")
    # Stamped ahead, so that it stays within the publisher's time-out however slow this machine is.
    ledger.change(job_id, published_at=NOW + timedelta(minutes=1))
    pass_by(3)
    assert ledger.row(job_id).missing_since is None


def test_a_job_is_brought_back_only_when_it_was_missing_in_an_earlier_pass_too(ledger):
    missing = ledger.accept().job_id
    ledger.change(state="queued")
    bring_back = partial(ledger.do, lost.bring_back, [missing], confirm_after=1)
    assert bring_back() == []
    assert bring_back() == []
    ledger.change(missing_since=NOW - timedelta(seconds=2))
    assert bring_back() == [missing]
    row = ledger.row(missing)
    assert (row.state, row.published_at, row.missing_since) == ("accepted", None, None)


def test_a_job_that_was_missing_once_and_is_found_again_begins_anew(ledger):
    found, missing, elsewhere = ledger.accept_many(3)
    ledger.change(state="queued", missing_since=LONG_AGO)
    ledger.change(elsewhere, priority=Priority.BULK)
    ledger.do(lost.forget_found, "ops_trace", Priority.NORMAL, [missing])
    assert ledger.row(found).missing_since is None
    assert ledger.row(missing).missing_since
    assert ledger.row(elsewhere).missing_since


@pytest.mark.parametrize("state", ["accepted", "running", "succeeded"])
def test_a_job_that_was_started_since_it_was_looked_for_is_not_brought_back(ledger, state):
    job_id = ledger.accept().job_id
    ledger.change(state=state, missing_since=LONG_AGO)
    assert ledger.do(lost.bring_back, [job_id], confirm_after=1) == []
    assert ledger.row(job_id).state == state


def test_a_message_in_flight_is_not_lost(ledger, waiting, pass_by, take_one, listed):
    [job_id] = waiting(1)
    assert take_one().headers["id"] == job_id
    ledger.change(job_id, published_at=LONG_AGO)
    pass_by(5)
    assert listed() == []
    assert ledger.row(job_id).missing_since is None


def test_a_message_in_flight_that_nobody_starts_was_taken_by_a_worker_that_died(
    ledger, waiting, pass_by, broker, listed, eventually
):
    [job_id] = waiting(1)
    raw = broker.rpop("ops_trace")
    broker.hset("unacked:ops_trace", "penstock:dead:1", f'[{raw},"","ops_trace"]')
    broker.zadd("unacked:ops_trace_index", {"penstock:dead:1": broker.time()[0] - 20})
    ledger.change(job_id, published_at=LONG_AGO)
    eventually(lambda: pass_by() or listed())
    pass_by(5)
    assert listed() == [job_id]


@pytest.mark.parametrize(
    "foreign",
    [
        "no JSON at all",
        "[]",
        '{"headers": null}',
        '{"headers": {"penstock": "a word"}}',
        '{"headers": {"penstock": {"published_at": "yesterday"}}}',
        '{"headers": {"penstock": {"published_at": "2026-01-01T00:00:00"}}}',
    ],
)
def test_a_message_of_anothers_at_a_lists_end_says_nothing_and_stops_nobody(ledger, relay, broker, listed, foreign):
    one = relay()
    broker.rpush("dataset", foreign)
    ids = ledger.accept_many(2)
    one.one_pass()
    assert listed() == ids


def test_a_message_of_anothers_in_flight_stops_nobody(ledger, waiting, pass_by, broker, listed, eventually):
    [gone] = waiting(1)
    broker.delete("ops_trace")
    broker.hset("unacked:ops_trace", "a tag", '[{"headers": {}, "body": "not of Celery"}, "", "ops_trace"]')
    broker.zadd("unacked:ops_trace_index", {"a tag": broker.time()[0]})
    ledger.change(gone, published_at=LONG_AGO)
    eventually(lambda: pass_by() or listed())
    assert listed() == [gone]
