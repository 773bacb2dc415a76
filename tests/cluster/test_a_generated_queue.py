"""What `penstock queues new` wrote, and nobody edited, is a queue with a gate of its own on the cluster."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cluster.images.grown import GROWN, KNOWING, QUEUE, tag
from cluster.namespace import Namespace
from cluster.release import merged
from cluster.suite import Suite
from cluster.values import for_tests
from cluster.watch import watching

pytestmark = pytest.mark.slow
"""Its images take minutes to build."""

WORKER = f"penstock-worker-{QUEUE}"


def with_the_images_that_know_it() -> dict[str, Any]:
    """The other services are those of the version that knows nothing of the queue."""
    image = {"image": {"tag": tag()}}
    api, scheduler, worker = KNOWING
    return {api: image, scheduler: image, "workers": {worker.removeprefix("worker-"): image}}


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    assert GROWN.is_dir(), f"there is no {GROWN}: `make test-images SLOW=1` makes it"
    suite = Suite(new_namespace("generated"), GROWN / "charts/penstock")
    suite.mount_probe()
    suite.install(merged(for_tests(), with_the_images_that_know_it()))
    yield suite
    suite.close()


def test_its_worker_comes_for_a_job_that_the_api_takes_and_goes_when_it_has_ended(
    suite: Suite, figure: Callable[[str], None]
) -> None:
    suite.await_replicas(WORKER, 0)
    with watching(suite.namespace) as watch:
        job = suite.api.start(f"{QUEUE}.run", {"subject": "图书"})
        suite.await_end([job])
        suite.await_replicas(WORKER, 0)
    figure(f"one job of a generated queue: {watch.course(WORKER)}")
    assert suite.api.job(job)["result"] == {"characters": 2}
    assert watch.of(WORKER) == [0, 1, 0]
    triggers = suite.namespace.scaled_objects()[WORKER]["spec"]["triggers"]
    assert [one["metadata"]["listName"] for one in triggers] == [QUEUE, f"{QUEUE}:5", f"unacked:{QUEUE}"]
