"""Redis goes, or comes back empty; the API dies while it is asked: nothing accepted is lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from cluster.api import report
from cluster.namespace import Namespace
from cluster.post import Poster
from cluster.release import merged
from cluster.suite import Suite, soon
from cluster.values import for_tests, one_job_a_pod
from cluster.watch import watching

pytestmark = pytest.mark.slow

GENERATION = "penstock-worker-generation"
REDIS = "statefulset/penstock-redis"
POSTS = 500
LONGER_THAN_ANY_OUTAGE = 300
"""Seconds, the chart's own cooldown: KEDA may take a Redis that does not answer for an empty one."""

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("neighbours"))
    suite.mailbox.start()
    suite.mount_probe()
    values = merged(for_tests(suite.mailbox, cooldown=LONGER_THAN_ANY_OUTAGE), one_job_a_pod())
    suite.install(merged(values, {"redis": {"bundled": {"alsoAllow": ["+flushall"]}}}))
    yield suite
    suite.close()


@contextmanager
def redis_away(suite: Suite) -> Iterator[None]:
    """While the block runs there is no Redis."""
    suite.namespace.kubectl("scale", REDIS, "--replicas=0")
    suite.namespace.kubectl("wait", "--for=delete", "pod/penstock-redis-0", "--timeout=60s", seconds=70)
    try:
        yield
    finally:
        suite.namespace.kubectl("scale", REDIS, "--replicas=1")


@pytest.mark.parametrize("away", [60, 120])
def test_without_redis_nobody_restarts_no_replica_falls_and_accepted_jobs_run_later(
    suite: Suite, figure: Figure, away: int
) -> None:
    running = suite.api.start_all([report(away / 2) for _ in range(2)])
    suite.await_running(running)
    restarts = {pod: count for pod, count in suite.namespace.restarts().items() if "redis" not in pod}
    with watching(suite.namespace) as watch:
        with redis_away(suite):
            end = time.monotonic() + away
            meanwhile = [suite.api.start(**report(1)) for _ in range(3)]
            soon(lambda: time.monotonic() > end, f"{away} s pass", seconds=away + 10)
            assert len(watch.of(GENERATION)) == 1, f"replicas moved while Redis was away: {watch.course(GENERATION)}"
            now = suite.namespace.restarts()
            assert {pod: now.get(pod) for pod in restarts} == restarts
        back = time.monotonic()
        suite.await_end([*running, *meanwhile])
    figure(f"Redis gone for {away} s: what was accepted meanwhile had ended {time.monotonic() - back:.0f} s later")
    now = suite.namespace.restarts()
    assert {pod: now[pod] for pod in restarts if pod in now} == {pod: restarts[pod] for pod in restarts if pod in now}


def test_an_emptied_redis_is_refilled_and_workers_end_what_they_run(suite: Suite) -> None:
    ids = suite.api.start_all([report(20) for _ in range(2)] + [report(15) for _ in range(4)])
    suite.await_running(ids, 2)
    suite.redis("FLUSHALL")
    suite.await_end(ids, seconds=240)
    assert {suite.runs(job)[1] for job in ids} == {1}


def test_every_202_is_kept_when_api_pods_die_during_five_hundred_posts(suite: Suite, figure: Figure) -> None:
    run = f"a{uuid4().hex[:6]}"
    client = Poster(suite, run, POSTS)
    for _ in range(2):
        far = len(client.accepted()) + 50
        soon(lambda far=far: len(client.accepted()) >= far, "posts are under way")
        suite.namespace.destroy(min(suite.namespace.names("api")))
        soon(lambda: suite.namespace.running("api"), "an API pod is ready")
    accepted = client.result()
    repeated = sum(tries > 1 for tries in accepted.values())
    figure(f"{POSTS} posts while two API pods were killed: {repeated} had to be repeated")
    assert len(accepted) == POSTS
    suite.await_end(accepted, seconds=240)
    assert len(suite.mailbox.counts(run)) == POSTS
