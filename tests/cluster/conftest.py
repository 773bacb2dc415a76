"""A namespace for each file of tests, and what there was to see in it when one fails."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from cluster.namespace import Namespace
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

OPEN: list[Namespace] = []
"""The namespaces that there are now: where to look when a test fails."""

FIGURE = "figure"


@pytest.fixture(scope="session")
def kubernetes() -> client.ApiClient:
    """The cluster that KUBECONFIG names; the run ends where it lacks what the tests need."""
    for tool in ("kubectl", "helm"):
        if shutil.which(tool) is None:
            pytest.exit(f"tests/cluster needs {tool} on the PATH", returncode=1)
    try:
        api: client.ApiClient = config.new_client_from_config()
        client.CustomObjectsApi(api).list_cluster_custom_object("keda.sh", "v1alpha1", "scaledobjects")
    except (config.ConfigException, ApiException, OSError) as error:
        pytest.exit(f"tests/cluster needs a cluster with KEDA, named by KUBECONFIG: {error}", returncode=1)
    return api


@pytest.fixture(scope="module")
def new_namespace(kubernetes: client.ApiClient) -> Iterator[Callable[..., Namespace]]:
    """Make a namespace that is deleted after the file's last test: `new_namespace("redis-away")`."""
    made: list[Namespace] = []

    def make(what: str, **labels: str) -> Namespace:
        namespace = Namespace(f"penstock-{what}-{uuid4().hex[:5]}", kubernetes)
        namespace.create(**({"labels": labels} if labels else {}))
        made.append(namespace)
        OPEN.append(namespace)
        return namespace

    yield make
    for namespace in made:
        OPEN.remove(namespace)
        namespace.delete()


@pytest.fixture
def figure(record_property: Callable[[str, Any], None]) -> Callable[[str], None]:
    """Note a measured figure, to be printed at the end of the run: `figure("0 to 5 pods in 31 s")`."""
    return lambda text: record_property(FIGURE, text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failure shows the pods, the events and the last words of all that was there."""
    report: Any = yield
    if report.failed:
        for namespace in OPEN:
            report.sections.append((f"cluster: {namespace.name}", namespace.report()))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The figures that the tests noted."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    noted = [
        (report.nodeid.rpartition("::")[2], text)
        for report in reports
        for name, text in getattr(report, "user_properties", [])
        if name == FIGURE and report.when == "call"
    ]
    if noted:
        terminalreporter.section("seen on the cluster")
        for test, text in noted:
            terminalreporter.write_line(f"{test}: {text}")
