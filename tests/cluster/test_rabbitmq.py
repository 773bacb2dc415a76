"""RabbitMQ in the place of Redis: all queues work, and each gate opens by what is ready and what is unacknowledged."""

import time
from collections.abc import Callable, Iterator

import pytest
from cluster.api import report
from cluster.namespace import Namespace
from cluster.release import merged
from cluster.suite import Suite, soon
from cluster.values import SMALL, for_tests, one_job_a_pod
from cluster.watch import watching

COOLDOWN = 15
GENERATION = "penstock-worker-generation"
MOST = 2

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("rabbitmq"))
    suite.mount_probe()
    values = merged(for_tests(cooldown=COOLDOWN), one_job_a_pod(MOST))
    suite.install(merged(values, {"broker": "rabbitmq", "rabbitmq": {"bundled": SMALL}}))
    yield suite
    suite.close()


def unacknowledged(suite: Suite, queue: str) -> tuple[int, int]:
    """How many messages of a queue are ready, and how many with a worker."""
    columns = ("name", "messages_ready", "messages_unacknowledged")
    said = suite.namespace.execute("statefulset/penstock-rabbitmq", "rabbitmqctl", "-q", "list_queues", *columns)
    (ready, with_workers) = next(line.split()[1:] for line in said.splitlines() if line.split()[0] == queue)
    return int(ready), int(with_workers)


def test_a_job_goes_through_each_queue_and_there_is_no_redis(suite: Suite) -> None:
    # A report by the probe lasts as long as its title says, and helm's test gives it none.
    assert "Phase:          Succeeded" in suite.release.test()
    assert not [name for name in suite.namespace.objects("statefulset", "service") if "redis" in name]


def test_a_gate_opens_from_nothing_stays_for_a_long_job_and_closes(suite: Suite, figure: Figure) -> None:
    suite.await_rest()
    with watching(suite.namespace) as watch:
        posted = time.monotonic()
        long, *short = suite.api.start_all([report(4 * COOLDOWN), *(report(1) for _ in range(4))])
        suite.await_running([long])
        started = time.monotonic()
        suite.await_end(short)
        soon(lambda: unacknowledged(suite, "generation") == (0, 1), "nothing is ready, and one is unacknowledged")
        (holder,) = [pod for pod in suite.namespace.names("worker-generation") if pod == suite.worker_of(long)]
        suite.await_end([long])
        # Of two pods the one at work may be chosen to go: it ends its job first, and is gone then.
        assert (suite.worker_of(long), watch.of(GENERATION)[-1] >= 1) == (holder, True)
        ended = time.monotonic()
        suite.await_replicas(GENERATION, 0, seconds=COOLDOWN + 90)
    figure(f"from the POST to a running job, from no pod: {started - posted:.1f} s")
    figure(
        f"{GENERATION}: {watch.course(GENERATION)}; the last pod went {time.monotonic() - ended:.0f} s after its job"
    )
    assert max(watch.of(GENERATION)) == MOST
    assert watch.of(GENERATION)[-1] == 0
    assert {suite.runs(job) for job in (long, *short)} == {(1, 1)}
