"""Callers who come together share one piece of work, and each gets his own answer."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock_runtime.errors import Unavailable
from penstock_runtime.grouping import Grouped


class Work:
    """Doubles numbers, group by group, once the gate is open."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = threading.Event()
        self.begun = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        self.begun.set()
        assert self.gate.wait(10)
        if 13 in items:
            raise ValueError("thirteen")
        if 99 in items:
            raise Unavailable("gone")
        return [item * 2 for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


def together(work: Work, items: Sequence[int], *, most: int = 100) -> list[object]:
    """Call with the first item, and with all the others while that one is under way."""
    grouped = Grouped(work, most=most)

    def call(item: int) -> object:
        try:
            return grouped(item)
        except (ValueError, Unavailable) as error:
            return type(error)

    with ThreadPoolExecutor(len(items)) as threads:
        first = threads.submit(call, items[0])
        assert work.begun.wait(10)
        others = [threads.submit(call, item) for item in items[1:]]
        deadline = threading.Event()
        while len(grouped._waiting) < len(others):
            deadline.wait(0.001)
        work.gate.set()
        return [future.result(20) for future in (first, *others)]


def test_a_lone_caller_is_a_group_of_one(work: Work) -> None:
    work.gate.set()
    assert Grouped(work, most=100)(21) == 42
    assert work.groups == [[21]]


def test_who_comes_while_a_group_is_under_way_shares_the_next_one(work: Work) -> None:
    assert together(work, range(20, 70)) == [number * 2 for number in range(20, 70)]
    assert [len(group) for group in work.groups] == [1, 49]


def test_a_group_has_no_more_than_the_most(work: Work) -> None:
    assert together(work, range(20, 46), most=10) == [number * 2 for number in range(20, 46)]
    assert [len(group) for group in work.groups] == [1, 10, 10, 5]


def test_a_bad_item_fails_alone(work: Work) -> None:
    assert together(work, [1, 12, 13, 14]) == [2, 24, ValueError, 28]


def test_where_the_outcome_is_unknown_it_is_so_for_the_whole_group(work: Work) -> None:
    assert together(work, [1, 98, 99, 100]) == [2, Unavailable, Unavailable, Unavailable]
    assert len(work.groups) == 2


def test_after_an_interrupted_leader_the_next_caller_is_served(work: Work) -> None:
    def interrupt(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise KeyboardInterrupt
        return list(items)

    grouped = Grouped(interrupt, most=10)
    with pytest.raises(KeyboardInterrupt):
        grouped(1)
    assert grouped(2) == 2
