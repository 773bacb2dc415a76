"""The declaration of queues, and the names in Redis that follow from it."""

import pytest

from penstock_contracts.queues import BY_NAME, MAIL, QUEUES, Pool, Priority, Queue


def test_the_normal_list_is_called_like_its_queue_and_bulk_lies_behind_it():
    assert MAIL.list_name(Priority.NORMAL) == "mail"
    assert MAIL.list_name(Priority.BULK) == "mail:5"
    assert MAIL.list_names == ("mail", "mail:5")


def test_what_is_in_flight_has_a_key_of_its_own_for_each_queue():
    assert [queue.unacked_key for queue in QUEUES] == [f"unacked:{queue.name}" for queue in QUEUES]


def test_dead_letters_have_keys_of_their_own_for_each_queue():
    assert (MAIL.dead_key, MAIL.dead_index_key) == ("dead:mail", "dead:mail_index")


def test_a_pause_has_a_key_of_its_own_for_each_queue():
    assert MAIL.paused_key == "penstock:paused:mail"


def test_no_two_queues_share_a_key():
    keys = [
        name
        for queue in QUEUES
        for name in (*queue.list_names, queue.unacked_key, queue.dead_key, queue.dead_index_key, queue.paused_key)
    ]
    assert len(set(keys)) == len(keys)


def test_every_queue_is_found_by_its_name():
    assert {name: queue.name for name, queue in BY_NAME.items()} == {queue.name: queue.name for queue in QUEUES}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"name": "mail:5"}, "must not be empty or contain ':'"),
        ({"name": ""}, "must not be empty"),
        ({"time_limit": 0}, "time_limit and attempts must be at least 1"),
        ({"attempts": 0}, "time_limit and attempts must be at least 1"),
    ],
)
def test_a_queue_that_could_not_work_is_refused_where_it_is_declared(wrong, reason):
    right = {"name": "q", "service": "s", "pool": Pool.GEVENT, "time_limit": 1, "attempts": 1}
    assert Queue(**right).name == "q"
    with pytest.raises(ValueError, match=reason):
        Queue(**right | wrong)
