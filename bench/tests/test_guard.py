"""What a contestant is counted for lies where it belongs, or the guard says what does not."""

from dataclasses import replace

import pytest
import redis
from bench.guard import faults, messages, rows, settle
from celery import Celery

from penstock_contracts.ops_trace import USER_ACTIONS, UserAction, UserActions
from penstock_runtime.ledger import accept
from penstock_runtime.ledger.publish import mark_queued


def payload(number):
    return UserActions(actions=[UserAction(user_id=f"{number:012}", action="login", at="2026-05-01T08:30:00+08:00")])


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def delay(redis_url):
    """Send a job as the peer does; returns its id."""
    with Celery("peer", broker=redis_url, set_as_current=False) as app:
        app.conf.task_ignore_result = True
        yield lambda number: app.send_task("x", kwargs=payload(number).model_dump(mode="json"), queue="peer").id


@pytest.fixture
def keep(database):
    """Accept a job as Penstock does, and say that it is queued; returns its id."""

    def keep(number, *, queued=True):
        with database.begin() as connection:
            job = accept(connection, USER_ACTIONS.message(payload(number)), tenant="default")
            mark_queued(connection, [job.publication] if queued else [])
        return job.job_id

    return keep


def seen(client, accepted, unexpected=()):
    return faults("peer", accepted, dict(unexpected), {"messages": messages(client, "peer")})


def test_a_peer_that_sent_what_it_accepted_is_believed(client, delay):
    accepted = {str(number): delay(number) for number in range(1, 6)}
    assert seen(client, accepted) == []


def test_a_peer_that_drops_work_is_found_out(client, delay):
    accepted = {str(number): delay(number) for number in range(1, 6)}
    client.rpop("peer")
    client.rpop("peer")
    assert seen(client, accepted) == ["peer: 2 of 5 messages are missing"]


def test_a_peer_that_sends_twice_is_found_out(client, delay):
    accepted = {str(number): delay(number) for number in range(1, 4)}
    client.lpush("peer", client.lindex("peer", 0))
    assert seen(client, accepted) == ["peer: 1 of 3 messages are there twice"]


def test_a_peer_that_sends_anothers_payload_is_found_out(client, delay):
    accepted = {"1": delay(1), "2": delay(1)}
    assert seen(client, accepted) == [
        "peer: 1 of 2 messages are missing",
        "peer: 1 of 2 messages were never promised, or hold another's payload",
    ]


def test_a_peer_that_promises_the_same_job_twice_is_found_out(client, delay):
    job = delay(1)
    assert "peer: two requests got the same job" in seen(client, {"1": job, "2": job})


def test_an_answer_that_is_no_acceptance_is_told(client, delay):
    assert seen(client, {"1": delay(1)}, {"503 instead of 202": 7}) == ["peer: 7 × 503 instead of 202"]


def test_a_peer_that_accepts_nothing_is_not_quick(client):
    assert seen(client, {}) == ["peer: nothing was accepted"]


def test_a_row_counts_once_its_message_is_known_to_be_in_redis(database, keep):
    accepted = {"1": keep(1), "2": keep(2, queued=False)}
    assert faults("Penstock", accepted, {}, {"rows": rows(database)}) == ["Penstock: 1 of 2 rows are missing"]


def test_settling_ends_when_all_is_in_its_place_or_the_time_is_over(client, delay, database, keep):
    keep(1)
    delay(1)
    assert settle(client, "peer", 1, database, seconds=60) < 60
    assert settle(client, "peer", 2, None, seconds=0.1) >= 0.1
    assert settle(client, "peer", 1, database, seconds=0) < 60


def test_a_message_of_penstocks_is_read_as_a_peers_is(client, settings, database):
    from penstock_runtime.broker import Publisher

    with database.begin() as connection:
        job = accept(connection, USER_ACTIONS.message(payload(7)), tenant="default")
    publisher = Publisher(settings)
    publisher.publish([replace(job.publication)])
    publisher.close()
    assert list(messages(client, "ops_trace")) == [(job.job_id, "7")]
