"""What PostgreSQL says of a column is what Python computes from the same cells."""

import statistics
from collections import Counter
from datetime import datetime

import pytest
from sqlalchemy import text

from penstock_worker_generation.cells import Cells
from penstock_worker_generation.numbers import read_numbers
from penstock_worker_generation.times import read_times
from penstock_worker_generation.values import read_values


@pytest.fixture
def cells(imported, database):
    """A column's cells as they are asked about."""
    with database.connect() as connection:
        connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        yield lambda kind, column: Cells(connection, imported(ignored=("text", column), column=(kind, column)), 1)


def test_integers_are_described_as_python_describes_them(cells):
    values = [(7 * i * i) % 101 for i in range(200)]
    found = read_numbers(cells("integer", [str(v) for v in values]), whole=True, most_intervals=10)
    assert (found.count, found.distinct) == (200, len(set(values)))
    assert (found.smallest, found.largest) == (min(values), max(values))
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.deviation == pytest.approx(statistics.stdev(values))
    assert found.quartiles == pytest.approx(tuple(statistics.quantiles(values, n=4, method="inclusive")))
    expected = Counter(int((v - found.intervals.low) // found.intervals.step) for v in values)
    assert found.counts == tuple(expected[i] for i in range(found.intervals.count))


def test_numbers_are_described_as_python_describes_them(cells):
    texts = ["0.5", "-1.25e2", ".75", "3", "1e3", None, "0.1", "0.2", "0.3"]
    values = [float(cell) for cell in texts if cell]
    found = read_numbers(cells("number", texts), whole=False, most_intervals=20)
    assert (found.smallest, found.largest, found.count) == (-125.0, 1000.0, 8)
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.deviation == pytest.approx(statistics.stdev(values))
    assert sum(found.counts) == 8


def test_an_integer_of_18_digits_keeps_them_all(cells):
    found = read_numbers(cells("integer", ["110101199003071234", "1"]), whole=True, most_intervals=10)
    assert found.largest == 110101199003071234


def test_a_single_number_has_no_deviation(cells):
    found = read_numbers(cells("number", ["4.5"]), whole=False, most_intervals=10)
    assert (found.smallest, found.largest, found.deviation, found.counts) == (4.5, 4.5, None, (1,))


@pytest.mark.parametrize("odd", ["1e400", "-1e151", "NaN", "Infinity", "twelve", "", "1" * 400])
def test_what_is_no_number_of_a_usable_size_is_left_out(cells, odd):
    found = read_numbers(cells("number", ["1", odd, "2"]), whole=False, most_intervals=10)
    assert (found.count, found.smallest, found.largest) == (2, 1, 2)


def test_the_largest_numbers_that_are_kept_overflow_nothing(cells):
    found = read_numbers(cells("number", ["1e150", "-1e150"] * 50), whole=False, most_intervals=10)
    assert found.count == sum(found.counts) == 100


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_a_column_without_any_number_has_none_to_describe(cells, kind):
    column = cells(kind, [None, "none"])
    assert read_numbers(column, whole=kind == "integer", most_intervals=10) is None


def test_there_are_never_more_intervals_than_asked_for(cells):
    column = cells("number", [str(i / 7) for i in range(100)])
    for most in (2, 3, 40):
        found = read_numbers(column, whole=False, most_intervals=most)
        assert len(found.counts) <= most
        assert sum(found.counts) == 100


def test_dates_are_counted_by_the_calendar(cells):
    found = read_times(cells("date", ["2024-01-31", "2024-02-01", "2024-02-29", None]), most_intervals=3)
    assert found.unit == "month"
    assert found.counts == ((datetime(2024, 1, 1), 1), (datetime(2024, 2, 1), 2))  # noqa: DTZ001
    assert (found.earliest, found.latest) == (datetime(2024, 1, 31), datetime(2024, 2, 29))  # noqa: DTZ001
    assert found.median == datetime(2024, 2, 1)  # noqa: DTZ001


def test_datetimes_are_told_in_utc(cells):
    column = ["2024-01-01T08:00+08:00", "2024-01-01 01:30:15.25", "2024-01-01T02:00Z", "2024-01-01"]
    found = read_times(cells("datetime", column), most_intervals=200)
    assert found.earliest == datetime(2024, 1, 1)  # noqa: DTZ001
    assert found.latest == datetime(2024, 1, 1, 2)  # noqa: DTZ001
    assert (found.unit, found.count, found.distinct) == ("minute", 4, 3)


@pytest.mark.parametrize("odd", ["0001-01-01", "2024-02-30", "10000-01-01", "infinity", "soon", ""])
def test_what_is_no_time_of_a_usable_year_is_left_out(cells, odd):
    found = read_times(cells("date", ["2024-01-01", odd]), most_intervals=10)
    assert (found.count, found.latest) == (1, datetime(2024, 1, 1))  # noqa: DTZ001


def test_the_earliest_and_the_latest_dates_that_are_kept_share_a_histogram(cells):
    found = read_times(cells("date", ["1001-01-01", "9999-12-31"]), most_intervals=2)
    assert [count for _, count in found.counts] == [1, 1]


def test_the_most_frequent_values_come_first(cells):
    found = read_values(cells("text", [*"abracadabra", None]), most=3, characters=10)
    assert found.frequent == (("a", 5), ("b", 2), ("r", 2))
    assert (found.count, found.distinct, found.longest) == (11, 5, 1)


def test_values_come_cut_and_are_counted_whole(cells):
    found = read_values(cells("text", ["数据" * 50, "数据" * 50 + "x"]), most=3, characters=4)
    assert found.frequent == (("数据数据", 1), ("数据数据", 1))
    assert (found.distinct, found.longest) == (2, 101)


def test_a_column_without_values_has_none_to_describe(cells):
    assert read_values(cells("text", [None, None]), most=3, characters=4) is None
