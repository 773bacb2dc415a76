"""What a run does is drawn from its seed, all of it before anything runs."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from chaos import work
from chaos.plan import (
    CELLS,
    COPY_AHEAD,
    NETWORK,
    ON_FILES,
    RABBITMQ_CELLS,
    SHORT,
    SIGNALS,
    TALKERS,
    Act,
    Bare,
    Fault,
    Kind,
    Wanted,
    cells_of,
    draw,
)

from penstock_contracts.queues import DATASET, GENERATION, MAIL, OPS_TRACE, QUEUES, Pool

FULL = Wanted(jobs=2000, faults=120, wipes=5, restores=2, replicas=2, cells=CELLS)
SEEDS = pytest.mark.parametrize("seed", range(5))


def planned(seed: int, wanted: Wanted = FULL) -> tuple[list[work.Job], list[Fault]]:
    random = Random(seed)
    return work.draw(random, wanted.jobs, "run"), draw(random, wanted)


@SEEDS
def test_the_same_seed_draws_the_same_jobs_and_faults_and_another_one_others(seed: int) -> None:
    assert planned(seed) == planned(seed)
    jobs, faults = planned(seed)
    other_jobs, other_faults = planned(seed + 1)
    assert jobs != other_jobs
    assert faults != other_faults


@SEEDS
@pytest.mark.parametrize("wanted", [FULL, SHORT], ids=["full", "short"])
def test_a_plan_has_what_is_wanted_and_every_cell(seed: int, wanted: Wanted) -> None:
    _, faults = planned(seed, wanted)
    acts = Counter(fault.act for fault in faults)
    assert sum(number for act, number in acts.items() if act not in ON_FILES) == wanted.faults
    assert (acts[Act.WIPE], acts[Act.RESTORE], acts[Act.COPY]) == (wanted.wipes, wanted.restores, wanted.restores)
    assert set(wanted.cells) <= {(fault.kind, fault.act) for fault in faults}


@SEEDS
def test_before_redis_is_put_back_there_is_a_copy_some_faults_older(seed: int) -> None:
    _, faults = planned(seed)
    copied: list[int] = []
    for number, fault in enumerate(faults):
        if fault.act is Act.COPY:
            copied.append(number)
        if fault.act is Act.RESTORE:
            assert number - copied[0] >= COPY_AHEAD


def test_every_process_and_signal_is_a_cell_and_the_way_of_each_that_talks_to_redis() -> None:
    assert len(CELLS) == len(set(CELLS)) == (len(Kind) - 1) * len(SIGNALS) + len(TALKERS) * len(NETWORK) + 2 == 59
    assert len(RABBITMQ_CELLS) == len(set(RABBITMQ_CELLS)) == 59 - len(SIGNALS) - len(NETWORK) - 2 + 5
    assert not [kind for kind, _ in RABBITMQ_CELLS if kind is Kind.REDIS]


def test_a_plan_that_cannot_hit_every_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 59 are needed"):
        Wanted(jobs=10, faults=58, wipes=0, restores=0, replicas=1, cells=CELLS)


@pytest.mark.parametrize(
    ("pool", "queues"), [(Pool.PREFORK, [DATASET, GENERATION]), (Pool.GEVENT, [MAIL, OPS_TRACE])], ids=str
)
def test_of_one_pool_only_its_queues_have_jobs_and_only_its_workers_are_hit(pool: Pool, queues: list[object]) -> None:
    wanted = replace(FULL, pool=pool, cells=cells_of(pool))
    assert list(wanted.queues) == queues
    assert {job.queue for job in work.draw(Random(1), 300, "run", wanted.queues)} == set(queues)
    assert {kind.queue for kind, _ in wanted.cells} - {None} == set(queues)
    assert {Kind.API, Kind.SCHEDULER, Kind.REDIS, Kind.POSTGRES} <= {kind for kind, _ in wanted.cells}


@pytest.mark.parametrize("bare", list(Bare))
def test_an_application_without_the_ledger_has_one_queue_and_keeps_its_database_and_redis_its_memory(
    bare: Bare,
) -> None:
    wanted = replace(FULL, pool=Pool.PREFORK, bare=bare, cells=cells_of(Pool.PREFORK, bare=True))
    assert wanted.queues == [DATASET]
    assert {kind for kind, _ in wanted.cells} == {Kind.DATASET, Kind.DATASET_CHILD, Kind.REDIS}
    assert Act.FAILOVER not in {act for _, act in wanted.cells}


def test_there_are_not_more_reports_than_two_cores_can_write() -> None:
    drawn = work.draw(Random(1), 10_000, "run", [DATASET, GENERATION])
    assert Counter(job.queue for job in drawn)[GENERATION] == work.MOST_REPORTS


@pytest.mark.parametrize("count", [40, 2000])
def test_the_jobs_are_as_many_as_wanted_and_of_every_queue(count: int) -> None:
    drawn = work.draw(Random(1), count, "run")
    assert len(drawn) == count
    assert set(Counter(job.queue for job in drawn)) == set(QUEUES)
    assert len({job.key for job in drawn}) == count


def test_a_job_is_always_asked_for_in_the_same_words() -> None:
    """Else a repeat would be another body under the same key, and refused."""
    for job in work.draw(Random(1), 40, "run"):
        first, again = (work.request(job, ["a dataset", "another"]) for _ in range(2))
        assert first == again
