"""A job that was hit is stuck where nobody takes it up, not where it waits its turn."""

import pytest
from chaos.faults import Hit
from chaos.plan import Act, Fault, Kind
from chaos.waits import STUCK, Done, Wait, waits

from penstock_contracts.queues import MAIL, OPS_TRACE, Queue

LONG = STUCK + 40
HIT = Hit(Fault(Kind.OPS_TRACE, Act.KILL), "ops_trace-1", frozenset({"it"}), began=9, ended=10)
IT = Done("it", OPS_TRACE, accepted=0, began=LONG, ended=LONG)


def other(name: str, began: float, ended: float, accepted: float = 1, queue: Queue = OPS_TRACE) -> Done:
    return Done(name, queue, accepted, began, ended)


def wait(*others: Done, slots: int = 1) -> Wait:
    return waits([IT, *others], [HIT], {OPS_TRACE.name: slots, MAIL.name: slots})["it"]


def test_a_job_that_no_fault_met_running_has_not_waited_for_one() -> None:
    assert waits([IT], [], {OPS_TRACE.name: 1}) == {}


def test_where_nothing_else_runs_all_of_the_wait_counts() -> None:
    assert wait() == Wait(LONG - 10, LONG - 10)
    assert wait().stuck


def test_waiting_in_line_behind_what_was_there_does_not_count() -> None:
    assert wait(other("a", 12, 60), other("b", 61, LONG)) == Wait(LONG - 10, 3)


@pytest.mark.parametrize(
    "overtakes",
    [
        other("later", 10, LONG, accepted=11),
        other("of another queue", 10, LONG, queue=MAIL),
        other("before the fault", 2, 9),
        other("after the end", LONG, LONG + 9),
    ],
    ids=lambda done: done.id,
)
def test_what_did_not_stand_before_it_in_line_is_no_excuse(overtakes: Done) -> None:
    assert wait(overtakes).free == LONG - 10


def test_every_slot_must_have_been_taken() -> None:
    taken = other("a", 10, 40), other("b", 20, 50)
    assert wait(*taken, slots=2).free == LONG - 10 - 20
    assert wait(*taken, slots=3).free == LONG - 10
