"""The relay: what nobody published is published, and whatever is away for a while, it goes on after."""

import base64
import json
from datetime import timedelta

import pytest
import redis
import structlog

from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.queues import MAIL, Priority
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger import lost
from penstock_runtime.schema import NOW

LONG_AGO = NOW - timedelta(hours=1)


@pytest.fixture
def running(relay, in_background):
    """Start a relay that passes until the test ends."""
    started = []

    def start(**named):
        one = relay(**named)
        started.append((one, in_background(one.run)))

    yield start
    for one, thread in started:
        one.stop()
        thread.result(20)


def test_a_job_is_its_publishers_until_the_time_out_and_then_the_relays(ledger, relay, listed):
    one = relay()
    job = ledger.accept()
    one.one_pass()
    assert listed() == []
    ledger.change(job.job_id, published_at=LONG_AGO)
    one.one_pass()
    assert listed() == [job.job_id]
    assert ledger.row(job.job_id).state == "queued"


def test_a_job_for_later_is_published_when_it_is_due(ledger, relay, listed):
    one = relay()
    [job_id] = ledger.accept_many(1)
    ledger.change(job_id, not_before=NOW + timedelta(hours=1))
    one.one_pass()
    assert listed() == []
    ledger.change(job_id, not_before=LONG_AGO)
    one.one_pass()
    assert listed() == [job_id]


def test_a_retry_is_published_with_the_callbacks_it_came_with(ledger, relay, broker):
    [job_id] = ledger.accept_many(1)
    then = {"task": "mail.then", "args": [], "kwargs": {}, "options": {}, "subtask_type": None, "immutable": False}
    ledger.change(job_id, embed={"callbacks": [then], "root_id": "the root"})
    relay().one_pass()
    message = json.loads(broker.rpop("ops_trace"))
    assert message["headers"]["root_id"] == "the root"
    _, _, embed = json.loads(base64.b64decode(message["body"]))
    assert embed["callbacks"] == [then]


def test_bulk_goes_to_the_list_behind(ledger, relay, listed):
    mail = REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email="a@example.com"), priority=Priority.BULK)
    [job_id] = ledger.accept_many(1, mail)
    relay().one_pass()
    assert listed(MAIL.list_name(Priority.BULK)) == [job_id]


def test_more_than_one_batch_is_published_in_one_pass(ledger, relay, listed):
    ids = ledger.accept_many(25)
    relay(relay_batch=10).one_pass()
    assert sorted(listed()) == ids


def test_two_relays_at_once_publish_each_job_once(ledger, relay, listed, at_once):
    relays = [relay(relay_batch=50) for _ in range(2)]
    ids = ledger.accept_many(1000)
    at_once(2, lambda number: relays[number].one_pass())
    assert sorted(listed()) == ids


def test_what_a_relay_stamped_and_did_not_push_is_published_after_the_time_out(
    ledger, relay, own_redis, broker, listed
):
    one = relay()
    [job_id] = ledger.accept_many(1)
    # It fails between stamp and push: lists must be lists.
    broker.set("ops_trace", "in the way")
    with pytest.raises(Unavailable):
        one.one_pass()
    broker.delete("ops_trace")
    ledger.change(job_id, published_at=NOW)
    one.one_pass()
    assert listed() == []
    ledger.change(job_id, published_at=LONG_AGO)
    one.one_pass()
    assert listed() == [job_id]


def test_jobs_wait_while_redis_is_away_and_are_published_when_it_is_back(ledger, running, own_redis, eventually):
    own_redis.kill()
    ids = ledger.accept_many(20)
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            running(broker_url=own_redis.server.url)
        eventually(lambda: len(logged) > 3)
    own_redis.start()
    eventually(lambda: ledger.count(state="queued") == 20)
    with redis.Redis.from_url(own_redis.server.url, decode_responses=True) as client:
        assert sorted(json.loads(raw)["headers"]["id"] for raw in client.lrange("ops_trace", 0, -1)) == ids


def test_a_redis_that_is_away_takes_no_job_into_its_hands(ledger, relay, own_redis):
    one = relay(broker_url=own_redis.server.url)
    own_redis.kill()
    [job_id] = ledger.accept_many(1)
    with pytest.raises(Unavailable, match="Redis"):
        one.one_pass()
    row = ledger.row(job_id)
    assert (row.state, row.published_at) == ("accepted", None)


def test_a_hung_redis_ends_a_pass_within_its_time_out(ledger, relay, silent_port):
    one = relay(broker_url=f"redis://127.0.0.1:{silent_port}/0", redis_timeout=0.2)
    with pytest.raises(Unavailable, match="TimeoutError"):
        one.one_pass()


def test_an_error_of_the_database_ends_a_pass_only(ledger, running, listed, eventually):
    with structlog.testing.capture_logs() as logged, ledger.read_only():
        running()
        eventually(lambda: logged)
    ids = ledger.accept_many(3)
    eventually(lambda: sorted(listed()) == ids)


def test_a_fault_ends_a_pass_only(ledger, running, broker, listed, eventually):
    broker.set("penstock:epoch", "no number")
    [job_id] = ledger.accept_many(1)
    with structlog.testing.capture_logs() as logged:
        running()
        eventually(lambda: any(line["event"] == "fault" for line in logged))
    broker.delete("penstock:epoch")
    eventually(lambda: listed() == [job_id])


def test_finished_jobs_are_forgotten_after_their_time(ledger):
    old, young, unfinished = ledger.accept_many(3)
    ledger.change(old, state="succeeded", finished_at=NOW - timedelta(days=31))
    ledger.change(young, state="succeeded", finished_at=NOW - timedelta(days=29))
    assert ledger.do(lost.forget_finished, days=30, most=10) == 1
    assert ledger.count() == 2
    assert ledger.row(unfinished).state == "accepted"


def test_more_than_a_batch_of_old_jobs_is_forgotten_pass_by_pass(ledger, relay):
    ledger.accept_many(5)
    ledger.change(state="succeeded", finished_at=NOW - timedelta(days=31))
    sweeping, left = relay(relay_batch=2), []
    for _ in range(3):
        sweeping.one_pass()
        left.append(ledger.count())
    ledger.change(ledger.accept_many(1)[0], state="succeeded", finished_at=NOW - timedelta(days=31))
    sweeping.one_pass()
    assert [*left, ledger.count()] == [3, 1, 0, 1]
