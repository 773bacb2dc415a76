"""RabbitMQ loses messages, or only seems to: what it lost comes back, and a backlog stays one message a job."""

from datetime import timedelta

import pytest
from own_rabbitmq import OwnRabbit

from penstock_contracts.mail import REGISTRATION_CONFIRMATION, RegistrationConfirmation
from penstock_contracts.queues import Priority
from penstock_contracts.task import Message
from penstock_runtime.rabbitmq import losses
from penstock_runtime.schema import NOW
from penstock_runtime.schema import relay as counter


@pytest.fixture(params=[1, 2], ids=["one_relay", "two_relays"])
def pass_by(request, relay, at_once, rabbitmq: OwnRabbit):
    """Let each relay pass, all at once; `pass_by(5)`: five times."""
    relays = [relay(broker_url=rabbitmq.url, rabbitmq_timeout=0.6) for _ in range(request.param)]

    def all_pass(times=1):
        for _ in range(times):
            at_once(len(relays), lambda number: relays[number].one_pass())

    return all_pass


def markers(rabbitmq: OwnRabbit) -> list[str]:
    names = [queue["name"] for queue in rabbitmq.manage("GET", "/queues").json()]
    return [name for name in names if name.startswith(losses.MARKER)]


def test_what_waits_is_published_once_however_long_it_waits(ledger, pass_by, rabbitmq):
    ledger.accept_many(100)
    pass_by(2)
    ledger.change(published_at=NOW - timedelta(hours=5))
    pass_by(5)
    assert rabbitmq.ready("ops_trace") == ledger.count(state="queued") == 100
    assert ledger.count(publications=1) == 100


def test_all_that_waited_in_an_emptied_rabbitmq_is_there_again_once(ledger, pass_by, rabbitmq, eventually):
    ledger.accept_many(1500)
    pass_by()
    rabbitmq.empty()
    eventually(lambda: pass_by() or rabbitmq.ready("ops_trace") >= 1500)
    pass_by(5)
    assert rabbitmq.ready("ops_trace") == 1500
    assert len(markers(rabbitmq)) == 1


def test_two_losses_leave_nothing_behind(ledger, pass_by, rabbitmq):
    ledger.accept_many(30)
    for _ in range(3):
        rabbitmq.empty()
        pass_by()
    pass_by(3)
    assert rabbitmq.ready("ops_trace") == 30


def test_a_ledger_that_moves_here_from_redis_brings_what_waits_along(ledger, relay, pass_by, rabbitmq, broker, listed):
    ledger.accept_many(10)
    relay().one_pass()
    assert len(listed()) == 10
    pass_by(3)
    assert rabbitmq.ready("ops_trace") == 10


def test_one_message_that_is_gone_is_published_again_once_the_queue_is_shorter_than_what_should_wait(
    ledger, pass_by, rabbitmq, eventually
):
    ledger.accept_many(5)
    pass_by()
    rabbitmq.take("ops_trace")
    pass_by(3)
    assert rabbitmq.ready("ops_trace") == 4, "a worker may have it"
    ledger.change(published_at=NOW - timedelta(seconds=11))  # start_within is 10
    eventually(lambda: pass_by() or rabbitmq.ready("ops_trace") == 5)
    pass_by(5)
    assert rabbitmq.ready("ops_trace") == 5


def test_bulk_that_waits_does_not_hide_what_is_gone_of_the_normal_for_longer_than_it_takes_to_count(
    ledger, pass_by, rabbitmq, eventually
):
    mail = REGISTRATION_CONFIRMATION.message(RegistrationConfirmation(email="li@example.org"))
    ledger.accept_many(3, Message(mail.task, mail.queue, mail.payload, Priority.BULK))
    ledger.accept_many(1, mail)
    pass_by()
    rabbitmq.take("mail")
    ledger.change(published_at=NOW - timedelta(minutes=1))
    eventually(lambda: pass_by() or rabbitmq.ready("mail") >= 4)
    pass_by(5)
    assert rabbitmq.ready("mail") <= 5, "one copy at the most for one that is missing"


def test_a_queue_that_was_purged_is_filled_again(ledger, pass_by, rabbitmq, eventually):
    ledger.accept_many(20)
    pass_by()
    rabbitmq.manage("DELETE", "/queues/%2F/ops_trace/contents")
    ledger.change(published_at=NOW - timedelta(minutes=1))
    eventually(lambda: pass_by() or rabbitmq.ready("ops_trace") == 20)
    pass_by(5)
    assert rabbitmq.ready("ops_trace") == 20


def test_the_ledger_knows_the_marker(ledger, pass_by, rabbitmq):
    pass_by(3)
    assert markers(rabbitmq) == [ledger.do(lambda connection: connection.execute(counter.select()).one().run_id)]


def test_each_pass_says_that_a_relay_lives(ledger, pass_by):
    pass_by()
    an_hour_ago = NOW - timedelta(hours=1)
    ledger.do(lambda connection: connection.execute(counter.update().values(beat_at=an_hour_ago)))
    pass_by()
    lives = counter.c.beat_at > NOW - timedelta(minutes=1)
    assert ledger.do(lambda connection: connection.execute(counter.select().where(lives)).one_or_none())
