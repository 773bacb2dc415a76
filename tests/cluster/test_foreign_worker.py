"""Somebody else's image, of stock Celery and two queues, runs under the chart as it is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cluster.namespace import Namespace
from cluster.pod import pod_spec, start_pod
from cluster.suite import Suite, soon
from cluster.values import QUICK
from cluster.watch import watching

pytestmark = pytest.mark.slow

IMAGE = {"repository": "penstock/test-shop", "tag": "dev"}
THUMBNAILS, EXPORTS = "penstock-worker-thumbnails", "penstock-worker-exports"
SEND = """
import sys, shop
task, count, seconds = sys.argv[1:]
for number in range(int(count)):
    getattr(shop, task).delay(str(number), float(seconds))
"""

Figure = Callable[[str], None]


def worker(queue: str, concurrency: int) -> dict[str, Any]:
    """The values of one queue's worker."""
    return {
        "runtime": "celery",
        "image": IMAGE,
        "app": "shop",
        "queue": queue,
        "pool": "prefork",
        "concurrency": concurrency,
        "timeLimit": 60,
        "autoscaling": {"maxReplicas": 3},
    }


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("foreign"))
    workers = {"thumbnails": worker("thumbnails", 2), "exports": worker("exports", 1)}
    redis = {"bundled": {"alsoAllow": ["~shop:*"]}}
    suite.install({"suite": {"enabled": False}, "autoscaling": QUICK, "workers": workers, "redis": redis})
    yield suite
    suite.close()


@pytest.fixture(scope="module")
def send(suite: Suite) -> Callable[[str, int, float], None]:
    """Send from a pod of the same application, as its web server would: `send("thumbnail", 6, seconds)`."""
    password = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "penstock-redis", "key": "password"}}}
    broker = {"name": "CELERY_BROKER_URL", "value": "redis://:$(PASSWORD)@penstock-redis:6379/0"}
    spec = pod_spec("penstock/test-shop:dev", ["sleep", "3600"], env=[password, broker])
    start_pod(suite.namespace, "web", spec, **{"penstock.io/redis-client": "penstock"})

    def send(task: str, count: int, seconds: float) -> None:
        suite.namespace.execute("web", "python", "-c", SEND, task, str(count), str(seconds))

    return send


def done(suite: Suite) -> list[str]:
    """What the application says that it has done."""
    return suite.redis("LRANGE", "shop:done", "0", "-1").split("\n")


def test_each_of_its_queues_has_a_gate_that_counts_what_waits_and_what_runs(
    suite: Suite, send: Callable[[str, int, float], None], figure: Figure
) -> None:
    with watching(suite.namespace) as watch:
        send("thumbnail", 6, 45)
        suite.await_replicas(THUMBNAILS, 3)
        soon(lambda: int(suite.redis("HLEN", "unacked:thumbnails")) == 6, "all six run")
        assert suite.redis("LLEN", "thumbnails") == "0"
        soon(lambda: len(done(suite)) >= 6, "all six are done", seconds=180)
        suite.await_replicas(THUMBNAILS, 0)
    figure(f"6 tasks at 2 a pod: {watch.course(THUMBNAILS)}")
    assert max(watch.of(THUMBNAILS)) == 3
    assert watch.of(EXPORTS) == [0]
    assert sorted(done(suite)) == sorted(f"thumbnail {number}" for number in range(6))


def test_a_task_that_outlasts_the_cooldown_keeps_its_pod(suite: Suite, send: Callable[[str, int, float], None]) -> None:
    with watching(suite.namespace) as watch:
        send("export", 1, 45)
        soon(lambda: "export 0" in done(suite), "it is done")
        assert watch.of(EXPORTS) == [0, 1]
        suite.await_replicas(EXPORTS, 0)
