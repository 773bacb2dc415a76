"""Bars begin at round numbers, hold every value, and are never more than asked for."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_worker_generation.intervals import (
    LONGEST_UNIT,
    UNITS,
    Intervals,
    calendar_unit,
    round_intervals,
)

finite = st.floats(-1e150, 1e150, allow_nan=False)


@pytest.mark.parametrize(
    ("smallest", "largest", "most", "expected"),
    [
        (0, 99, 10, Intervals(0, 10, 10)),
        (3, 97, 10, Intervals(0, 10, 10)),
        (0, 100, 10, Intervals(0, 10, 10)),
        (0, 101, 10, Intervals(0, 20, 6)),
        (0.12, 0.94, 10, Intervals(0.1, 0.1, 9)),
        (-5, 5, 20, Intervals(-5, 0.5, 20)),
    ],
)
def test_intervals_begin_at_round_numbers(smallest, largest, most, expected):
    found = round_intervals(smallest, largest, most, whole=False)
    assert found.count <= most
    assert (found.low, found.step, found.count) == pytest.approx((expected.low, expected.step, expected.count))


def test_whole_numbers_stand_in_the_middle_of_their_bars():
    assert round_intervals(1, 5, 10, whole=True) == Intervals(0.5, 1, 5, centred=True)


def test_whole_numbers_have_no_half_steps():
    assert round_intervals(0, 50, 20, whole=True) == Intervals(0, 5, 11)


wholes = st.integers(-(10**18), 10**18)
pairs = st.tuples(finite, finite, st.just(False)) | st.tuples(wholes, wholes, st.just(True))


@given(pairs, st.integers(2, 200))
def test_all_values_lie_within_the_intervals_asked_for(pair, most):
    one, other, whole = pair
    smallest, largest = sorted((one, other))
    found = round_intervals(smallest, largest, most, whole=whole)
    slack = found.step / 1000
    assert 1 <= found.count <= most
    assert found.low - slack <= smallest <= largest <= found.high + slack
    assert found.low < found.high


@pytest.mark.parametrize(
    ("span", "unit"),
    [
        (timedelta(0), "minute"),
        (timedelta(minutes=38), "minute"),
        (timedelta(minutes=39), "hour"),
        (timedelta(days=38), "day"),
        (timedelta(days=39), "week"),
        (timedelta(days=365), "month"),
        (timedelta(days=365 * 8), "quarter"),
        (timedelta(days=365 * 30), "year"),
        (timedelta(days=365 * 300), "decade"),
        (timedelta(days=365 * 3000), "century"),
        (timedelta(days=365 * 7000), LONGEST_UNIT),
    ],
)
def test_the_calendar_unit_grows_with_the_time_that_is_shown(span, unit):
    start = datetime(1001, 1, 1)  # noqa: DTZ001 - all times here are UTC
    assert calendar_unit(start, start + span, 40) == unit


def test_every_unit_lasts_as_long_as_is_said():
    assert [unit for unit, _ in UNITS] == sorted((unit for unit, _ in UNITS), key=dict(UNITS).__getitem__)
