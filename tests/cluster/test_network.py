"""Who may speak with whom, where NetworkPolicies are enforced and nothing is allowed that the chart did not allow."""

from collections.abc import Callable, Iterator

import pytest
from cluster.api import mail, report
from cluster.namespace import Namespace
from cluster.pod import RUNTIME, pod_spec, start_pod
from cluster.suite import Suite, soon
from cluster.values import for_tests

DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    sys.stdout.write("taken")
except TimeoutError:
    sys.stdout.write("dropped")
except ConnectionRefusedError:
    sys.stdout.write("refused")
"""
REDIS, POSTGRESQL = 6379, 5432


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("network"))
    suite.namespace.apply(DENY)
    suite.mailbox.start()
    suite.mount_probe()
    suite.install(for_tests(suite.mailbox))
    yield suite
    suite.close()


@pytest.fixture(scope="module")
def stranger(new_namespace: Callable[..., Namespace], suite: Suite) -> Namespace:
    """Another namespace, with a pod in it that tries to connect."""
    namespace = new_namespace("stranger")
    start_pod(namespace, "stranger", pod_spec(suite.image(RUNTIME), ["sleep", "3600"]))
    return namespace


def knock(namespace: Namespace, host: str, port: int) -> str:
    """What becomes of the stranger's connection: taken, refused by what stands there, or dropped on the way."""
    return namespace.execute("stranger", "python", "-c", CONNECT, host, str(port))


def test_under_default_deny_the_suite_works_and_keda_sees_its_queues(suite: Suite) -> None:
    ids = suite.api.start_all([report(1), mail(1, "deny"), mail(2, "deny")])
    suite.await_end(ids)
    assert "Phase:          Succeeded" in suite.release.test()


def test_a_pod_of_another_namespace_reaches_the_api_and_nothing_behind_it(suite: Suite, stranger: Namespace) -> None:
    home = suite.namespace.name
    job = suite.api.start(**report(20))
    # A pod may be at work before its first probe has found it ready.
    worker = soon(lambda: suite.namespace.running("worker-generation"), "the worker is ready")[0].status.pod_ip
    assert knock(stranger, f"penstock-api.{home}.svc", 80) == "taken"
    behind = [(f"penstock-redis.{home}.svc", REDIS), (f"penstock-postgresql.{home}.svc", POSTGRESQL), (worker, 9540)]
    assert [knock(stranger, host, port) for host, port in behind] == ["dropped"] * 3
    suite.await_end([job])
