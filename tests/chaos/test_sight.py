"""The driver waits for what it has sent, and for nothing else."""

from datetime import UTC, datetime

from chaos.conftest import Left
from chaos.sight import Ledger

from penstock_contracts.queues import DATASET, QUEUES


def test_a_job_of_the_load_is_open_until_it_has_ended(left: Left) -> None:
    sight = Ledger(left.engine)
    job = left.accepted(DATASET)
    left.succeeded(DATASET)
    assert (sight.open(), sight.open(DATASET), sight.ended()) == (1, 1, 1)
    left.change(job, state="succeeded", finished_at=datetime.now(UTC))
    assert (sight.open(), sight.ended()) == (0, 2)


def test_what_the_schedule_has_made_may_wait_for_a_worker_that_does_not_run(left: Left) -> None:
    sight = Ledger(left.engine)
    for queue in QUEUES:
        left.change(left.accepted(queue), idempotency_key=f"schedule:{queue.name}:1")
    assert (sight.open(), sight.open(DATASET), sight.ended()) == (0, 0, 0)
