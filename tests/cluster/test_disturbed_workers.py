"""Pods that run jobs are taken away, by everything that takes pods away: each job ends once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cluster.api import report
from cluster.namespace import Namespace
from cluster.pod import RUNTIME, pod_spec, start_pod
from cluster.release import merged
from cluster.suite import Suite, soon
from cluster.values import for_tests, one_job_a_pod

COMPONENT = "worker-generation"
GENERATION = f"penstock-{COMPONENT}"
FIRST_TO_GO = "controller.kubernetes.io/pod-deletion-cost"

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("disturbed"))
    suite.mount_probe()
    suite.install(merged(for_tests(), one_job_a_pod()))
    yield suite
    suite.close()


@pytest.fixture
def load(suite: Suite) -> Callable[[float], list[str]]:
    """Start three jobs of so many seconds, and wait until each runs in a pod of its own."""

    def start(seconds: float) -> list[str]:
        ids = suite.api.start_all([report(seconds) for _ in range(3)])
        suite.await_running(ids)
        return ids

    return start


def test_a_pod_that_is_taken_away_before_celery_heeds_signals_goes_at_once(suite: Suite) -> None:
    """Process 1 gets no signal that it has no handler for, and importing takes seconds."""
    importing = pod_spec(suite.image(RUNTIME), ["python", "-c", "import time; time.sleep(3600)"])
    start_pod(suite.namespace, "importing", importing | {"terminationGracePeriodSeconds": 3600})
    suite.namespace.kubectl("delete", "pod", "importing", "--timeout=60s", seconds=70)


def test_a_scale_in_that_takes_a_busy_pod_runs_nothing_twice(suite: Suite, load: Any) -> None:
    short = suite.api.start_all([report(20) for _ in range(2)])
    long = suite.api.start(**report(70))
    suite.await_running([*short, long])
    busy = suite.worker_of(long)
    suite.namespace.kubectl("annotate", "pod", busy, f"{FIRST_TO_GO}=-1000")
    suite.await_end(short)
    soon(lambda: busy not in suite.namespace.names(COMPONENT), "the busy pod is told to go")
    assert suite.states([long]) == {"running": 1}, "the pod was to be busy when it was told to go"
    suite.await_end([long])
    assert {suite.runs(job) for job in [*short, long]} == {(1, 1)}
    assert suite.worker_of(long) == busy


def test_an_evicted_pod_ends_its_job_first(suite: Suite, load: Any) -> None:
    ids = load(40)
    busy = suite.worker_of(ids[0])
    soon(lambda: suite.namespace.evict(busy), "the disruption budget lets the pod be evicted", seconds=20)
    suite.await_end(ids)
    assert {suite.runs(job) for job in ids} == {(1, 1)}


def test_a_new_version_is_rolled_out_around_running_jobs(suite: Suite, load: Any) -> None:
    ids = load(40)
    before = suite.namespace.names(COMPONENT)
    suite.release.upgrade(merged(suite.values, {"image": {"tag": suite.tag("next")}}))
    after = suite.api.start_all([report(1) for _ in range(3)])
    suite.await_end([*ids, *after])
    soon(lambda: not before & suite.namespace.names(COMPONENT), "the old pods are gone")
    assert {suite.runs(job) for job in [*ids, *after]} == {(1, 1)}


def test_a_job_whose_pod_was_deleted_with_force_runs_again_and_counts_once(
    suite: Suite, load: Any, figure: Figure
) -> None:
    ids = load(25)
    suite.namespace.destroy(suite.worker_of(ids[0]))
    suite.await_end(ids)
    assert suite.runs(ids[0]) == (2, 1)
    assert {suite.runs(job) for job in ids[1:]} == {(1, 1)}
    ((again,),) = suite.sql(
        f"SELECT round(extract(epoch FROM started_at - created_at)) FROM jobs WHERE id = '{ids[0]}'"
    )
    figure(f"a pod deleted with force: its job was running again {again} s after it was accepted")
