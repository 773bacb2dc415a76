"""What the doctor says of queues, jobs, the relay and its neighbours on one Redis; each is made."""

from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from kombu import Connection, Queue

from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.ops_trace import PRUNE, Prune
from penstock_contracts.queues import MAIL, OPS_TRACE
from penstock_runtime.broker import transport_options
from penstock_runtime.delivery import Delivery
from penstock_runtime.errors import PenstockError, Rejected, Retryable
from penstock_runtime.findings import Level
from penstock_runtime.ledger import pauses
from penstock_runtime.ledger.run import claim
from penstock_runtime.worker import Skipped, Worker, serve

PRUNING = PRUNE.message(Prune())


@pytest.fixture
def publish(ledger, relay):
    """Have a relay publish so many jobs of `ops_trace`."""

    def do(count):
        ids = ledger.accept_many(count)
        relay().one_pass()
        return ids

    return do


@contextmanager
def a_worker_on(settings):
    """One that takes a message of `ops_trace` and does not end with it; and gives its signs of life."""
    transport = {"transport": "penstock_runtime.transport:Transport", "transport_options": transport_options(settings)}
    with Connection(settings.broker_url, **transport) as connection:
        channel = connection.default_channel
        channel.basic_qos(0, 1, False)
        taken = []
        queue = Queue(OPS_TRACE.name, channel=channel)
        with connection.Consumer([queue], channel=channel, callbacks=[lambda _, message: taken.append(message)]):
            while not taken:
                connection.drain_events(timeout=10)
            yield


def test_a_relay_that_never_ran_and_one_that_stopped(found, ledger, relay, eventually):
    ledger.accept_many(2)
    ledger.execute("UPDATE jobs SET created_at = created_at - interval '1 hour'")
    never = eventually(lambda: found(doctor_silence=1).get("relay_silent"))
    assert never.what == ("the relay has never given a sign of life; 2 due jobs wait for it to publish them")
    assert (never.level, never.fix.startswith("start the scheduler")) == (Level.ERROR, True)
    one = relay()
    one.one_pass()
    assert "relay_silent" not in found(doctor_silence=20)
    stopped = eventually(lambda: found(doctor_silence=1).get("relay_silent"))
    assert stopped.what.startswith("the relay has given no sign of life for ")


def test_a_queue_that_nobody_consumes_and_one_whose_worker_is_busy(found, publish, eventually, settings):
    publish(3)
    assert "queue_unconsumed" not in found(doctor_unconsumed=600)
    nobody = eventually(lambda: found(doctor_unconsumed=1).get("queue_unconsumed"))
    assert nobody.about == "queue ops_trace"
    assert nobody.what.startswith("no Penstock worker consumes it; 3 messages wait, the oldest for ")
    assert "celery -A … worker -Q ops_trace" in nobody.fix
    with a_worker_on(settings):
        seen = found(doctor_unconsumed=1, doctor_behind=1)
    assert "queue_unconsumed" not in seen
    assert seen["queue_behind"].what.startswith("2 messages wait, the oldest for ")
    assert seen["queue_behind"].level is Level.WARNING


def test_a_paused_queue_is_told_once_something_waits_there(found, ledger, publish, relay):
    ledger.do(pauses.pause, "ops_trace", "the mail server moves")
    relay().one_pass()
    assert "queue_paused" not in found()
    publish(2)
    paused = found(doctor_unconsumed=1)["queue_paused"]
    assert paused.what.startswith("it is paused since 20")
    assert "(the mail server moves); 2 messages wait" in paused.what
    assert (paused.level, paused.fix) == (Level.WARNING, "penstock resume ops_trace")


def test_a_pause_that_no_relay_told_to_redis(found, ledger, broker):
    ledger.do(pauses.pause, "mail", None)
    untold = found()["pause_not_told"]
    assert (untold.about, "workers still take from it" in untold.what) == ("queue mail", True)
    ledger.do(pauses.resume, "mail")
    broker.set(MAIL.paused_key, "by hand")
    still = found()["pause_not_told"]
    assert "nobody takes from it" in still.what


@pytest.fixture
def run(ledger, quick):
    """Run a new job of `mail` once, by a handler that raises this."""
    worker = Worker(quick(retry_first=3600, retry_most=7200), "a worker")

    def once(error):
        message = REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email="ada@example.com"))
        job_id = ledger.accept(message).job_id

        def handler(payload, job):
            raise error

        with pytest.raises((PenstockError, Skipped, ZeroDivisionError)):
            worker.run(serve(REGISTRATION_CONFIRMATION, handler), Delivery(job_id, uuid4(), {}, known=True))

    yield once
    worker.database.dispose()


def test_a_failed_job_is_told_for_a_while(found, run, eventually):
    run(Rejected("the mail server does not know ada@example.com", code="no_such_mailbox"))
    assert "jobs_failed" in found(doctor_lately=600)
    eventually(lambda: "jobs_failed" not in found(doctor_lately=1))


def test_jobs_whose_world_is_in_the_way_have_failed_or_have_died(found, run):
    for _ in range(3):
        run(Retryable("the mail server smtp.example.com:25 refused", code="smtp_unavailable"))
    run(Rejected("the mail server does not know ada@example.com", code="no_such_mailbox"))
    run(ZeroDivisionError("division by zero"))
    seen = found()
    assert seen["jobs_tried_again"].about == "queue mail"
    assert seen["jobs_tried_again"].what == (
        "3 jobs wait to be tried again: smtp_unavailable: the mail server smtp.example.com:25 refused"
    )
    assert seen["jobs_failed"].what == (
        "1 jobs failed in the last 15 min: no_such_mailbox: the mail server does not know ada@example.com"
    )
    assert seen["dead_letters"].what == "1 jobs are dead letters"
    assert seen["dead_letters"].fix.startswith("penstock dead-letters list --queue mail")
    assert {seen[code].level for code in ("jobs_tried_again", "jobs_failed", "dead_letters")} == {Level.WARNING}


def test_dead_messages_in_redis_are_counted_beside_dead_jobs(found, broker, settings):
    broker.rpush("ops_trace", "this is no message", PRUNING.queue)
    transport = {"transport": "penstock_runtime.transport:Transport", "transport_options": transport_options(settings)}
    with Connection(settings.broker_url, **transport) as connection:
        assert connection.default_channel.basic_get("ops_trace") is None
        assert connection.default_channel.basic_get("ops_trace") is None
    assert found()["dead_letters"].what == "2 messages are dead letters"


def test_jobs_whose_workers_died_and_that_no_relay_takes_back(found, ledger, eventually):
    job_id = ledger.accept().job_id
    assert ledger.do(claim, job_id, uuid4(), lease=0.1, worker="a worker that dies")
    over = eventually(lambda: found(doctor_silence=1).get("leases_over"))
    assert over.what == "1 jobs run whose leases were over 1 s ago, and no relay took them back"
    assert over.level is Level.WARNING


@pytest.fixture
def second_ledger(postgres_server):
    """The URL of another database with the tables."""
    server = postgres_server.url.rpartition("/")[0]
    with psycopg.connect(f"{server}/template1", autocommit=True) as admin:
        admin.execute("CREATE DATABASE of_another_suite TEMPLATE postgres")
        yield f"{server}/of_another_suite"
        admin.execute("DROP DATABASE of_another_suite WITH (FORCE)")


def test_two_suites_on_one_redis(found, relay, second_ledger):
    relay().one_pass()
    relay().one_pass()
    assert "redis_shared" not in found()
    other = relay(database_url=second_ledger)
    other.one_pass()
    for url, its in ((None, "/of_another_suite"), (second_ledger, "/emptied")):
        seen = found(**({"database_url": url} if url else {}))["redis_shared"]
        assert seen.what.startswith("another suite works in this database of it: the relay of the ledger 127.0.0.1:")
        assert its in seen.what
        assert seen.level is Level.ERROR
        assert "CELERY_BROKER_URL …/1" in seen.fix


def test_a_suite_that_has_left_redis_is_soon_told_no_more(found, relay, second_ledger, eventually):
    relay(database_url=second_ledger).one_pass()
    eventually(lambda: "redis_shared" not in found(doctor_silence=1))
