"""What a process holds is settled from several threads: its consumer's, its tasks', and that of the signs of life."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from transport_actors import LIMITS, a_text, keys_of

from penstock_runtime.transport.in_flight import MOST_DOUBTFUL, InFlight, number_of

MAIL = keys_of("mail", "")
MANY = 2000


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as one:
        yield one


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(count: int, what: Callable[[], None]) -> list[BaseException]:
    """Have so many threads do it together, and return what they raised."""
    together = threading.Barrier(count)

    def one() -> None:
        together.wait()
        what()

    with ThreadPoolExecutor(count) as threads:
        done = [threads.submit(one) for _ in range(count)]
    return [error for error in (each.exception() for each in done) if error is not None]


@pytest.mark.usefixtures("hurried")
def test_what_several_threads_tell_at_once_is_told_whole_and_in_peace(client: Any) -> None:
    pool = client.connection_pool
    in_flight = InFlight((pool, pool), LIMITS, "")
    for number in range(MANY):
        text, tag = a_text(number, 0, "stock"), f"penstock:{in_flight.process}:{number}"
        client.hset(MAIL.unacked, tag, b'[%s,"","mail"]' % text)
        in_flight.hold(tag, MAIL, text)
    tags = iter(in_flight.tags(newest_first=True))

    def settle() -> None:
        for tag in tags:
            if number_of(tag) % 2:
                in_flight.settle(tag)
            else:
                in_flight.give_back(tag, front=True)
            in_flight.flush()

    assert at_once(8, settle) == []
    assert client.llen("mail") == MANY / 2
    assert client.hlen(MAIL.unacked) == 0


@pytest.mark.usefixtures("hurried")
def test_no_number_of_a_delivery_is_given_to_two_threads(client: Any) -> None:
    in_flight, given = InFlight((client.connection_pool,) * 2, LIMITS, ""), []
    assert at_once(8, lambda: given.extend([in_flight.numbers(3) for _ in range(MANY)])) == []
    assert sorted(given) == list(range(0, 3 * 8 * MANY, 3))


def test_of_claims_without_an_answer_the_newest_are_asked_after(client: Any) -> None:
    in_flight = InFlight((client.connection_pool,) * 2, LIMITS, "")
    for number in range(MOST_DOUBTFUL + 1):
        in_flight.doubt(MAIL, in_flight.tags_from(number, 1))
    assert in_flight.doubted([keys_of("ops", "")]) == []
    asked = [tag for _, tags in in_flight.doubted([MAIL]) for tag in tags]
    assert [number_of(tag) for tag in asked] == list(range(1, MOST_DOUBTFUL + 1))
    assert in_flight.doubted([MAIL]) == []
