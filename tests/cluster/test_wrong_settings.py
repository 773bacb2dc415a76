"""What is wrong is said where one looks, with what to do: by helm, in a pod's log, by `helm test`."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from cluster.command import doctor
from cluster.namespace import COMPONENT, Failed, Namespace
from cluster.pod import pod_spec
from cluster.release import merged
from cluster.suite import Suite, soon
from cluster.values import for_tests

pytestmark = pytest.mark.slow

RIGHT, WRONG = "the-right-one", "a-wrong-one"
LOGIN = "redis-login"
OF_KEDA = {"scaler_blind", "scaler_not_ready"}
"""By which of them the doctor tells it depends on whether KEDA had counted before."""

LABELS = {COMPONENT: "own-redis"}
TO_REDIS = [{"podSelector": {"matchLabels": LABELS}}]
ONE_ALWAYS = {"autoscaling": {"enabled": False}}


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    """An installation beside a Redis of its user's own, whose password the Secret does not hold."""
    suite = Suite(new_namespace("wrong"))
    suite.namespace.apply(*own_redis(), login(WRONG))
    suite.mount_probe()
    host = f"own-redis.{suite.namespace.name}.svc"
    suite.values = merged(
        for_tests(),
        {
            "redis": {"host": host, "existingSecret": LOGIN, "bundled": {"enabled": False}},
            "networkPolicy": {"redisTo": TO_REDIS},
            "workers": {"mail": ONE_ALWAYS},
        },
    )
    yield suite
    suite.close()


def own_redis() -> list[dict[str, Any]]:
    """A Redis that wants a password, and its Service."""
    pod = pod_spec("redis:8", args=["--requirepass", RIGHT, "--save", "", "--maxmemory-policy", "noeviction"])
    port = {"port": 6379}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "own-redis", "labels": LABELS}, "spec": pod},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "own-redis"},
            "spec": {"selector": LABELS, "ports": [port]},
        },
    ]


def login(password: str) -> dict[str, Any]:
    """The Secret with which the suite comes to it."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": LOGIN}, "stringData": {"password": password}}


def refusal(suite: Suite, wrong: dict[str, Any]) -> str:
    """What helm says instead of installing."""
    with pytest.raises(Failed) as failed:
        suite.release.install(merged(suite.values, wrong), wait="")
    return failed.value.output


def await_words(suite: Suite, component: str, *words: str) -> str:
    """Wait until a pod of a component says these words in its log; the log."""

    def said() -> str:
        for pod in suite.namespace.names(component):
            with suppress(Failed):  # its container has not started yet
                log = suite.namespace.logs(pod)
                if all(word in log for word in words):
                    return log
        return ""

    return str(soon(said, f"{component} says {words}"))


def test_helm_refuses_what_the_chart_does_not_know_and_what_would_lose_work(suite: Suite) -> None:
    assert "wrokers" in refusal(suite, {"wrokers": {}})
    assert "fallback" in refusal(suite, {"autoscaling": {"fallback": {"replicas": 0}}})


def test_helm_refuses_a_secret_that_is_not_there_and_says_how_to_make_it(suite: Suite) -> None:
    said = refusal(suite, {"redis": {"existingSecret": "no-such-one"}})
    assert f"kubectl create secret generic no-such-one -n {suite.namespace.name} --from-literal=password=" in said
    assert "that Secret has no key token" in refusal(suite, {"redis": {"passwordKey": "token"}})


def test_a_wrong_password_is_said_by_the_worker_and_by_keda_and_shown_by_neither(suite: Suite) -> None:
    suite.release.install(suite.values, wait="")
    log = await_words(suite, "worker-mail", "invalid username-password pair", "look at user name and password")
    soon(lambda: "WRONGPASS" in suite.namespace.kubectl("describe", "scaledobjects"), "KEDA says what Redis said")
    assert WRONG not in log + suite.namespace.kubectl("describe", "scaledobjects")
    soon(lambda: "pod_waits" in (codes := doctor(suite.namespace.name).codes) and codes & OF_KEDA, "doctor says both")
    found = doctor(suite.namespace.name)
    [waits] = [one for one in found.found if one["code"] == "pod_waits" and "worker-mail" in one["about"]]
    assert "invalid username-password pair" in waits["what"]
    assert "user name and password" in waits["fix"]
    assert WRONG not in found.printed + found.said
    assert suite.namespace.restarts()[min(suite.namespace.names("worker-mail"))] == 0


def test_a_redis_that_is_not_let_through_is_said_with_the_policy(suite: Suite) -> None:
    suite.namespace.apply(login(RIGHT))
    elsewhere = [{"podSelector": {"matchLabels": {COMPONENT: "elsewhere"}}}]
    suite.release.upgrade(merged(suite.values, {"networkPolicy": {"redisTo": elsewhere}}), wait="")
    suite.namespace.kubectl("rollout", "restart", "deployment/penstock-worker-mail")
    await_words(suite, "worker-mail", "firewall or NetworkPolicy", "PENSTOCK_REDIS_HOST")


def test_a_database_that_redis_does_not_have_is_said(suite: Suite) -> None:
    suite.release.upgrade(merged(suite.values, {"redis": {"database": 900}}), wait="")
    await_words(suite, "worker-mail", "DB index is out of range", "look at the number or name of the database")


def test_helm_test_finds_a_database_that_is_not_the_one_keda_counts_in(suite: Suite) -> None:
    suite.release.upgrade(suite.values, wait="")
    # The schedulers of before, with this very template, still have the password that they began with.
    suite.namespace.kubectl("rollout", "restart", "deployment/penstock-scheduler")
    suite.namespace.kubectl("rollout", "status", "deployment/penstock-scheduler", "--timeout=120s", seconds=130)
    suite.namespace.kubectl("set", "env", "deployments", "--all", "PENSTOCK_REDIS_DATABASE=3")
    suite.namespace.kubectl("rollout", "status", "deployment/penstock-api", "--timeout=120s", seconds=130)
    with pytest.raises(Failed, match=r"KEDA counts 0 in .*, and the API [1-9]; Redis, its database or the lists"):
        suite.release.test()
