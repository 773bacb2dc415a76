"""The simulation agrees with what is known of such queues by theory."""

from statistics import mean

import pytest
from bench.one_server import Queue, simulate

MANY = 200_000


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_commands_that_take_as_long_as_each_other_wait_as_in_an_m_d_1_queue(load):
    service = 0.001
    got = simulate([Queue(rate=load / service, push=service)], MANY)
    assert got.busy == pytest.approx(load, rel=0.02)
    assert mean(got.queues[0].pushes) == pytest.approx(service * load / (2 * (1 - load)), rel=0.06)


def test_commands_of_two_lengths_wait_as_pollaczek_and_khinchine_say():
    short, long = Queue(rate=500, push=0.0005), Queue(rate=50, push=0.008)
    got = simulate([short, long], MANY)
    load = 500 * 0.0005 + 50 * 0.008
    second_moment = 500 * 0.0005**2 + 50 * 0.008**2
    assert got.busy == pytest.approx(load, rel=0.03)
    for one in got.queues:
        assert mean(one.pushes) == pytest.approx(second_moment / (2 * (1 - load)), rel=0.08)


def test_a_lone_message_is_with_a_worker_after_its_push_and_a_turn():
    one = Queue(rate=1, push=0.001, turn=0.002, message=0.003, task=0.1, workers=1)
    got = simulate([one], 1000).queues[0]
    assert sorted(got.messages)[500] == pytest.approx(0.006)


def test_under_too_much_load_as_many_are_taken_as_turns_of_the_most_allow():
    one = Queue(rate=100_000, push=0.0, turn=0.001, message=0.0001, most=10, workers=1)
    got = simulate([one], 50_000)
    assert got.rate == pytest.approx(10 / 0.002, rel=0.02)
    assert got.busy == pytest.approx(1, abs=0.01)


def test_workers_bound_the_rate_where_the_server_does_not():
    got = simulate([Queue(rate=10_000, push=1e-6, turn=1e-6, message=1e-6, task=0.001, workers=4)], 20_000)
    assert got.rate == pytest.approx(4000, rel=0.05)
    assert got.busy < 0.05


def test_what_comes_during_a_turn_shares_the_next_one():
    commits = Queue(rate=2000, push=0.0, turn=0.002, message=0.0001, workers=1, settles=False)
    got = simulate([commits], 20_000)
    assert got.rate == pytest.approx(2000, rel=0.03), "one by one it would be 476"
    assert len(got.queues[0].turns) < got.queues[0].taken / 3
