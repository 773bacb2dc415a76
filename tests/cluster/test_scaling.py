"""Each queue's gate opens as wide as its backlog, closes when it is empty, and never on work in progress."""

import math
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from cluster.api import mail, report
from cluster.namespace import Namespace
from cluster.suite import Suite, soon
from cluster.values import CONCURRENCY, MOST_MAIL_PODS, for_tests
from cluster.watch import watching

MAILS = 500
COOLDOWN = 30
MAIL = "penstock-worker-mail"
GENERATION = "penstock-worker-generation"

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("scaling"))
    suite.mailbox.start()
    suite.mount_probe()
    suite.install(for_tests(suite.mailbox, cooldown=COOLDOWN))
    yield suite
    suite.close()


def test_five_hundred_mails_open_the_mail_gate_to_its_maximum_and_no_other(suite: Suite, figure: Figure) -> None:
    run = f"m{uuid4().hex[:6]}"
    suite.mailbox.think(4)
    suite.await_rest()
    with watching(suite.namespace) as watch:
        posted = time.time()
        ids = suite.api.start_all([mail(number, run) for number in range(MAILS)])
        first = soon(lambda: suite.mailbox.deliveries(run), "the first mail is delivered")[0]
        suite.await_end(ids, seconds=240)
        suite.await_replicas(MAIL, 0, seconds=COOLDOWN + 120)
    figure(f"from the first POST to the first delivered mail, from no pod: {first.at - posted:.1f} s")
    figure(f"{MAILS} mails, replicas of worker-mail: {watch.course(MAIL)}")
    counts = suite.mailbox.counts(run)
    assert len(counts) == MAILS
    assert sum(counts.values()) == MAILS, "some were delivered twice"
    assert max(watch.of(MAIL)) == MOST_MAIL_PODS
    assert watch.moved() == {MAIL}


def test_no_user_of_redis_may_do_more_than_it_needs_and_what_scaled_the_gates_only_counts(suite: Suite) -> None:
    """By that user KEDA counts here: there is no other password in its TriggerAuthentication."""
    for forbidden in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["ACL", "LIST"], ["SET", "elsewhere", "1"]):
        assert suite.redis(*forbidden).startswith("NOPERM"), forbidden
    for forbidden in (["LRANGE", "mail", "0", "-1"], ["LPUSH", "mail", "{}"], ["DEL", "mail"], ["LLEN", "elsewhere"]):
        assert suite.redis_as_keda(*forbidden).startswith("NOPERM"), forbidden
    assert suite.redis_as_keda("LLEN", "mail") == "0"
    triggers = suite.namespace.scaled_objects()[MAIL]["spec"]["triggers"]
    assert {trigger["metadata"]["username"] for trigger in triggers} == {"keda"}
    told = suite.namespace.kubectl("get", "triggerauthentication", "penstock-redis", "-o", "jsonpath={..key}")
    assert told == "keda-password"


@pytest.mark.parametrize("seconds", [75, pytest.param(180, marks=pytest.mark.slow)])
def test_the_pod_of_a_long_job_stays_until_it_ends_and_then_goes(suite: Suite, figure: Figure, seconds: int) -> None:
    assert seconds > 2 * COOLDOWN
    suite.await_replicas(GENERATION, 0)
    with watching(suite.namespace) as watch:
        job = suite.api.start(**report(seconds))
        suite.await_running([job])
        pods = suite.namespace.names("worker-generation")
        suite.await_end([job], seconds=seconds + 60)
        assert suite.namespace.names("worker-generation") == pods
        ended = time.time()
        suite.await_replicas(GENERATION, 0, seconds=COOLDOWN + 90)
    figure(f"a job of {seconds} s, cooldown {COOLDOWN} s: the pod went {time.time() - ended:.0f} s after its end")
    assert watch.of(GENERATION) == [0, 1, 0]
    assert suite.runs(job) == (1, 1)


def test_six_queued_and_six_running_at_four_a_pod_ask_for_three_pods(suite: Suite, figure: Figure) -> None:
    """Those that wait are bulk: their list counts too, and the sum is rounded up once, not list by list."""
    suite.await_replicas(GENERATION, 0, seconds=COOLDOWN + 120)
    with watching(suite.namespace) as watch:
        running = suite.api.start_all([report(60) for _ in range(6)])
        suite.await_running(running)
        suite.await_replicas(GENERATION, math.ceil(6 / CONCURRENCY))
        # From now on the pods that there are take nothing more, and go on with what they have.
        suite.namespace.execute(
            f"deploy/{GENERATION}", "celery", "-A", "probe", "control", "cancel_consumer", "generation"
        )
        queued = suite.api.start_all([report(1, priority="bulk") for _ in range(6)])
        soon(lambda: suite.namespace.replicas()[GENERATION] == 3, "three pods are asked for", seconds=40)
        assert suite.states(running) == {"running": 6}
        suite.await_end([*running, *queued])
    figure(f"6 running and 6 queued at concurrency {CONCURRENCY}: {watch.course(GENERATION)}")
    assert max(watch.of(GENERATION)) == 3
    assert {suite.runs(job) for job in [*running, *queued]} == {(1, 1)}
