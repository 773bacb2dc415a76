"""Which queues are paused is known in the ledger, and Redis is told, whatever becomes of it."""

from datetime import UTC

import pytest
import redis

from penstock_contracts.queues import MAIL, QUEUES
from penstock_runtime import pausing
from penstock_runtime.backlog import read_backlog
from penstock_runtime.errors import Unavailable
from penstock_runtime.ledger.pauses import pause, read_pauses, resume


def paused_in(broker):
    return {queue.name for queue in QUEUES if broker.exists(queue.paused_key)}


def tell(broker, ledger):
    pausing.tell(broker, lambda: ledger.do(read_pauses))


def test_a_pause_lasts_from_its_beginning_with_the_reason_that_was_given_last(ledger):
    first = ledger.do(pause, "mail", "the mail server moves")
    again = ledger.do(pause, "mail", None)
    assert (again.since, again.reason) == (first.since, None)
    assert ledger.do(read_pauses) == {"mail": again}
    assert ledger.do(resume, "mail") == again
    assert ledger.do(resume, "mail") is None
    assert ledger.do(pause, "mail", None).since > first.since


def test_the_relay_tells_redis_what_is_paused_and_no_longer_is(ledger, relay, broker):
    ledger.do(pause, "mail", None)
    ledger.do(pause, "dataset", None)
    one = relay()
    one.one_pass()
    assert paused_in(broker) == {"mail", "dataset"}
    ledger.do(resume, "mail")
    one.one_pass()
    assert paused_in(broker) == {"dataset"}


def test_a_wiped_redis_is_told_before_its_jobs_are_published_again(ledger, relay, broker, listed):
    one = relay()
    [job_id] = ledger.accept_many(1)
    ledger.do(pause, "ops_trace", None)
    one.one_pass()
    broker.flushall()
    order = []
    with broker.monitor() as monitor:
        one.one_pass()
        broker.echo("the end")
        for seen in monitor.listen():
            order += [word for word in ("penstock:paused:ops_trace", "LPUSH") if word in seen["command"]]
            if "the end" in seen["command"]:
                break
    assert order.index("penstock:paused:ops_trace") < order.index("LPUSH")
    assert paused_in(broker) == {"ops_trace"}
    assert listed() == [job_id]


def test_jobs_of_a_paused_queue_are_published_and_wait(ledger, relay, listed, settings):
    ledger.do(pause, "ops_trace", None)
    ids = ledger.accept_many(3)
    relay().one_pass()
    assert sorted(listed()) == ids
    [backlog] = [one for one in read_backlog(settings) if one.queue == "ops_trace"]
    assert (backlog.paused, backlog.queued["normal"], backlog.in_flight) == (True, 3, 0)


def test_what_stands_in_redis_by_another_hand_gives_way_to_the_ledger(ledger, broker):
    broker.set("penstock:paused:dataset", "by hand")
    broker.set(MAIL.paused_key, "by hand", px=60_000)
    ledger.do(pause, "mail", None)
    tell(broker, ledger)
    assert paused_in(broker) == {"mail"}
    assert broker.ttl(MAIL.paused_key) == -1


def test_other_applications_queues_are_left_alone(ledger, broker):
    broker.set("penstock:paused:shop", "by hand")
    tell(broker, ledger)
    assert broker.get("penstock:paused:shop") == "by hand"


def test_who_is_late_does_not_end_a_newer_pause(ledger, broker):
    ledger.do(pause, "mail", None)
    tell(broker, ledger)

    def late():
        ledger.do(resume, "mail")
        found = ledger.do(read_pauses)
        newer.append(ledger.do(pause, "mail", None))
        tell(broker, ledger)
        return found

    newer = []
    pausing.tell(broker, late)
    assert broker.get(MAIL.paused_key) == newer[0].since.astimezone(UTC).isoformat()


def test_a_pause_that_came_late_ends_with_the_next_pass(ledger, relay, broker):
    def late():
        found = ledger.do(read_pauses)
        ledger.do(resume, "mail")
        return found

    ledger.do(pause, "mail", None)
    pausing.tell(broker, late)
    assert paused_in(broker) == {"mail"}
    relay().one_pass()
    assert paused_in(broker) == set()


def test_what_is_told_is_the_same_in_every_time_zone(ledger, broker):
    ledger.do(pause, "mail", None)
    tell(broker, ledger)
    told = broker.get(MAIL.paused_key)

    def elsewhere(connection):
        connection.exec_driver_sql("SET LOCAL TIME ZONE 'Asia/Shanghai'")
        return read_pauses(connection)

    pausing.tell(broker, lambda: ledger.do(elsewhere))
    assert broker.get(MAIL.paused_key) == told


def test_a_full_redis_can_be_paused_and_resumed(ledger, own_redis):
    with redis.Redis.from_url(own_redis.server.url) as full:
        full.config_set("maxmemory", 1)
        with pytest.raises(redis.OutOfMemoryError):
            full.lpush("mail", "no room")
        ledger.do(pause, "mail", None)
        tell(full, ledger)
        assert paused_in(full) == {"mail"}
        ledger.do(resume, "mail")
        tell(full, ledger)
        assert paused_in(full) == set()


def test_a_redis_that_is_away_is_said_to_be(ledger, silent_port):
    with redis.Redis(port=silent_port, socket_timeout=0.2) as silent, pytest.raises(Unavailable, match="Redis"):
        tell(silent, ledger)
