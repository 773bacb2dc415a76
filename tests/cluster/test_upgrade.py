"""An upgrade keeps replicas, objects and jobs; one that fails changes nothing; one that was wrong is taken back."""

import json
from collections.abc import Callable, Iterator

import pytest
from cluster.api import report
from cluster.namespace import Failed, Namespace
from cluster.release import merged
from cluster.suite import Suite
from cluster.values import for_tests, one_job_a_pod

COMPONENT = "worker-generation"
GENERATION = f"penstock-{COMPONENT}"
PODS = 5
LONGER = 240
"""Seconds; an upgrade that waits until all is ready takes less."""

FIRST = 1
"""The revision of the installation. `helm rollback` without a number may go to one that failed."""

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("upgrade"))
    suite.mount_probe()
    suite.install(merged(for_tests(), one_job_a_pod(PODS)))
    yield suite
    suite.close()


def uids(suite: Suite) -> dict[str, str]:
    """The identity of each ScaledObject."""
    return {name: one["metadata"]["uid"] for name, one in suite.namespace.scaled_objects().items()}


def images(suite: Suite) -> dict[str, str]:
    """The image of each Deployment."""
    return suite.namespace.images()


def test_a_migration_that_fails_leaves_the_old_version_serving(suite: Suite) -> None:
    before = images(suite)
    with pytest.raises(Failed) as failed:
        suite.release.upgrade(merged(suite.values, {"image": {"tag": suite.tag("broken")}}), wait="90s")
    assert "migrat" in failed.value.output
    assert images(suite) == before
    job = suite.api.start(**report(1))
    suite.await_end([job])


def forget_users(suite: Suite) -> str:
    """Leave of the Secret what a release had whose Redis knew one password for everything; which is that."""
    password = suite.secret("penstock-redis", "password")
    rest = {"keda-password": None, "users.conf": None}
    patch = {"data": rest, "stringData": {"auth.conf": f"requirepass {password}\n"}}
    suite.namespace.kubectl("patch", "secret", "penstock-redis", "--type=merge", "-p", json.dumps(patch))
    return password


def test_an_upgrade_at_five_replicas_leaves_five_and_migrates_once(suite: Suite, figure: Figure) -> None:
    """Redis starts anew meanwhile, since KEDA gets a user; workers of the release before go on with their password."""
    password = forget_users(suite)
    jobs = suite.api.start_all([report(LONGER) for _ in range(PODS)])
    suite.await_running(jobs)
    identities = uids(suite)
    seen = suite.upgrade(merged(suite.values, {"image": {"tag": suite.tag("next")}}))
    figure(f"replicas of {COMPONENT} during an upgrade: {seen.course(GENERATION)}")
    assert seen.of(GENERATION) == [PODS]
    assert uids(suite) == identities
    assert suite.sql("SELECT count(*) FROM of_the_next_version") == [["1"]]
    suite.await_end(jobs, seconds=LONGER + 60)
    assert {suite.runs(job) for job in jobs} == {(1, 1)}
    assert suite.secret("penstock-redis", "password") == password
    assert suite.redis_as_keda("LLEN", "generation") == "0"


def test_a_rollback_after_an_upgrade_serves_again(suite: Suite) -> None:
    suite.release.rollback(FIRST)
    assert {image.rpartition(":")[2] for name, image in images(suite).items()} == {suite.tag()}
    job = suite.api.start(**report(1))
    suite.await_end([job])
