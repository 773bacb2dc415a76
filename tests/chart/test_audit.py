"""Every pod and every container of every scenario, column by column: what a careful cluster asks of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.rendering import ALL_APIS, Object, Rendered, environment

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
ONE_OFF = ("Job", "Pod")
"""They end by themselves, so nobody asks whether they are ready."""

WRITABLE = {
    "/tmp",
    "/var/lib/penstock/storage",
    "/data",
    "/var/lib/rabbitmq",
    "/var/lib/postgresql/data",
    "/var/run/postgresql",
}
"""All that any container may write to, each a volume."""

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture(scope="session", params=SCENARIOS, ids=lambda path: path.stem)
def found(request: pytest.FixtureRequest, render: Callable[..., Rendered]) -> Rendered:
    return render(yaml.safe_load(request.param.read_text(encoding="utf-8")), apis=ALL_APIS)


def lacking(named: Iterator[tuple[str, Object]], good: Callable[[Object], Any]) -> list[str]:
    return [name for name, one in named if not good(one)]


def test_a_pod_runs_as_nobody_in_particular_with_the_default_seccomp_profile(found: Rendered) -> None:
    def good(pod: Object) -> bool:
        context = pod["securityContext"]
        numbers = (context["runAsUser"], context["runAsGroup"], context["fsGroup"])
        return context["runAsNonRoot"] and min(numbers) > 0 and context["seccompProfile"]["type"] == "RuntimeDefault"

    assert lacking(found.pods(), good) == []


def test_a_container_has_no_privilege_no_capability_and_no_disk_of_its_own(found: Rendered) -> None:
    def good(container: Object) -> bool:
        context = container["securityContext"]
        return (
            context["allowPrivilegeEscalation"] is False
            and context["readOnlyRootFilesystem"] is True
            and context["capabilities"] == {"drop": ["ALL"]}
            and "privileged" not in context
        )

    assert lacking(found.containers(), good) == []


def test_a_container_writes_to_bounded_volumes_only(found: Rendered) -> None:
    def good(container: Object) -> bool:
        return {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")} <= WRITABLE

    def bounded(pod: Object) -> bool:
        return all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)

    assert lacking(found.containers(), good) == []
    assert lacking(found.pods(), bounded) == []


def test_no_pod_can_speak_to_kubernetes(found: Rendered) -> None:
    assert lacking(found.pods(), lambda pod: pod["automountServiceAccountToken"] is False) == []
    assert lacking(found.pods(), lambda pod: pod["serviceAccountName"] == "penstock") == []
    assert found.names("Role") == found.names("ClusterRole") == []


def test_no_pod_takes_a_services_variables_for_settings(found: Rendered) -> None:
    assert lacking(found.pods(), lambda pod: pod["enableServiceLinks"] is False) == []


def test_a_container_says_what_it_needs_and_has_a_bound_of_memory(found: Rendered) -> None:
    def good(container: Object) -> bool:
        resources = container["resources"]
        return {"cpu", "memory"} <= resources["requests"].keys() and "memory" in resources["limits"]

    assert lacking(found.containers(), good) == []


def test_a_container_that_goes_on_has_all_three_probes(found: Rendered) -> None:
    running = [(name, one) for name, one in found.containers() if not name.startswith(ONE_OFF)]
    assert lacking(iter(running), lambda container: set(PROBES) <= container.keys()) == []


def test_no_probe_asks_workers_over_the_broker(found: Rendered) -> None:
    """An answer would need Redis, and its absence would restart every worker."""
    said = [str(container.get(probe)) for _, container in found.containers() for probe in PROBES]
    assert [probe for probe in said if "inspect" in probe or "celery" in probe] == []


def test_pid_1_is_the_program_itself(found: Rendered) -> None:
    """A shell would keep TERM for itself, and an init that passes it on to all children loses what they run."""
    first = {container["command"][0] for _, container in found.containers() if "command" in container}
    assert first & {"sh", "bash", "/bin/sh", "/bin/bash", "tini", "dumb-init"} == set()


def test_no_secret_stands_in_a_command_or_a_variable(found: Rendered) -> None:
    for name, container in found.containers():
        for variable, value in environment(container).items():
            secret = any(word in variable for word in ("PASSWORD", "SECRET", "KEY", "AUTH"))
            read_elsewhere = (
                isinstance(value, dict) or value.startswith("/run/secrets/") or variable.endswith("_TENANT")
            )
            assert not secret or read_elsewhere, f"{name}: {variable}"


def test_whatever_is_replicated_may_lose_one_pod_at_a_time_and_no_more(found: Rendered) -> None:
    budgets = {one["metadata"]["name"]: one["spec"] for one in found.objects if one["kind"] == "PodDisruptionBudget"}
    assert budgets.keys() == set(found.names("Deployment"))
    assert {budget["maxUnavailable"] for budget in budgets.values()} == {1}
    for name in found.names("Deployment"):
        selector = found.one("Deployment", name)["spec"]["selector"]["matchLabels"]
        assert budgets[name]["selector"]["matchLabels"] == selector


def test_pods_are_spread_over_nodes_or_held_on_the_node_of_their_volume(found: Rendered) -> None:
    for name in found.names("Deployment"):
        pod = found.one("Deployment", name)["spec"]["template"]["spec"]
        claims = [volume for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
        many = any(
            "ReadWriteMany" in one["spec"]["accessModes"]
            for one in found.objects
            if one["kind"] == "PersistentVolumeClaim"
        )
        assert ("affinity" in pod) == (bool(claims) and not many), name
        assert ("topologySpreadConstraints" in pod) != ("affinity" in pod), name


def test_an_image_has_a_version(found: Rendered) -> None:
    assert lacking(found.containers(), lambda one: ":" in one["image"] and not one["image"].endswith(":latest")) == []
