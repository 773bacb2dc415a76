"""Counts of who asked how often, in one process and added up by a real Redis."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import redis
from gates import Gate
from hypothesis import given
from hypothesis import strategies as st
from processes import eventually

from penstock_api.shared_counts import PREFIX, SharedCounts, _Count
from penstock_runtime.rates import Limit
from penstock_runtime.settings import RuntimeSettings

HOUR = Limit(10, 3600)
Make = Callable[..., SharedCounts]


@pytest.fixture
def make_counts(settings: RuntimeSettings) -> Iterator[Make]:
    """The counts of one process."""
    made: list[SharedCounts] = []

    def make(broker: str = settings.broker_url, **bounds: int) -> SharedCounts:
        known = settings.model_copy(update={"broker": broker, "redis_timeout": 0.3})
        made.append(SharedCounts(known, **{"every": 0.01, "most": 100} | bounds))
        return made[-1]

    yield make
    for counts in made:
        counts.close()


def admitted(counts: SharedCounts, subject: str, limit: Limit, tries: int) -> int:
    return sum(counts.take(subject, [limit]) == 0 for _ in range(tries))


def test_so_many_are_admitted_and_the_next_is_told_how_long_to_wait(make_counts: Make) -> None:
    counts = make_counts()

    assert admitted(counts, "a", HOUR, 15) == 10
    assert 0 < counts.take("a", [HOUR]) <= 3600
    assert admitted(counts, "b", HOUR, 1) == 1


def test_to_look_counts_nothing(make_counts: Make) -> None:
    counts = make_counts()
    assert [counts.wait("a", [HOUR]) for _ in range(20)] == [0] * 20
    assert admitted(counts, "a", HOUR, 11) == 10
    assert counts.wait("a", [HOUR]) > 0


def test_all_limits_hold_and_what_one_refuses_counts_for_none(make_counts: Make) -> None:
    counts, day = make_counts(), Limit(15, 86_400)
    taken = [counts.take("a", [HOUR, day]) == 0 for _ in range(12)]

    assert taken == [True] * 10 + [False] * 2
    assert admitted(counts, "a", day, 10) == 5


def test_without_limits_everything_is_admitted(make_counts: Make) -> None:
    assert make_counts().take("a", []) == 0


def test_what_one_process_counts_the_others_learn(make_counts: Make, redis_url: str) -> None:
    first, second = make_counts(), make_counts()
    assert admitted(first, "a", HOUR, 10) == 10
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        eventually(lambda: client.hget(f"{PREFIX}a:10/3600", "count") == "10", "the first has told")
    assert admitted(second, "a", HOUR, 1) == 1  # it has not heard of the first one yet
    eventually(lambda: second.wait("a", [HOUR]) > 0, "the second has heard of the first")
    third = make_counts()
    third.take("a", [HOUR])
    eventually(lambda: third.wait("a", [HOUR]) > 0, "a new one has, too")


def test_what_was_admitted_too_much_is_counted_too(make_counts: Make, redis_url: str) -> None:
    for _ in range(3):
        assert admitted(make_counts(), "a", HOUR, 10) == 10
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        eventually(lambda: client.hget(f"{PREFIX}a:10/3600", "count") == "30", "all three have told")


def test_counts_in_redis_expire_by_themselves(make_counts: Make, redis_url: str) -> None:
    make_counts().take("a", [HOUR])
    with redis.Redis.from_url(redis_url) as client:
        eventually(lambda: 0 < client.ttl(f"{PREFIX}a:10/3600") <= 7200, "the count is there, for two windows")


def test_more_subjects_than_fit_into_one_script_are_told_all(make_counts: Make, redis_url: str) -> None:
    counts = make_counts(most=2000)
    for number in range(1200):
        counts.take(f"s{number}", [HOUR])
    with redis.Redis.from_url(redis_url) as client:
        eventually(lambda: len(client.keys(f"{PREFIX}*")) == 1200, "all are in Redis")


def test_only_so_many_subjects_are_known_and_the_quietest_is_forgotten(make_counts: Make) -> None:
    counts = make_counts("redis://127.0.0.1:1", most=3)  # nobody there to remember for it
    for subject in ("a", "b", "c"):
        assert admitted(counts, subject, HOUR, 10) == 10
    counts.wait("a", [HOUR])
    counts.take("d", [HOUR])

    assert counts.wait("a", [HOUR]) > 0
    assert counts.wait("b", [HOUR]) == 0


@pytest.mark.parametrize("outage", [Gate.refuse, Gate.hang])
def test_without_redis_nobody_waits_and_each_process_counts_for_itself(
    make_counts: Make, redis_url: str, outage: Callable[[Gate], None], capfd: pytest.CaptureFixture[str]
) -> None:
    gate = Gate(urlsplit(redis_url).port or 0)
    outage(gate)
    first, second = (make_counts(f"redis://127.0.0.1:{gate.port}/0") for _ in range(2))
    assert admitted(first, "a", HOUR, 15) == 10
    assert admitted(second, "a", HOUR, 15) == 10
    eventually(lambda: "rates_not_shared" in capfd.readouterr().out, "it is told")
    gate.let_through()
    with redis.Redis.from_url(redis_url) as client:

        def shared() -> bool:
            first.take("b", [Limit(100_000, 3600)])
            return client.exists(f"{PREFIX}b:100000/3600") == 1

        eventually(shared, "counts are shared again")
    gate.close()


@given(st.integers(1, 50), st.lists(st.floats(0, 25), max_size=200))
def test_no_span_of_one_window_holds_more_than_twice_the_limit_and_waiting_as_told_is_enough(
    most: int, pauses: list[float]
) -> None:
    count, now, times = _Count(Limit(most, 60)), 1000.0, []
    for pause in pauses:
        now += pause
        wait = count.wait(now)
        if wait == 0:
            count.count += 1
            times.append(now)
        else:
            # By what Redis tells in floats of a tenth of a millisecond.
            assert _Count(count.limit, count.window, count.count, count.before).wait(now + wait + 0.001) == 0
    for begin in times:
        assert sum(begin <= time < begin + 60 for time in times) <= 2 * most
