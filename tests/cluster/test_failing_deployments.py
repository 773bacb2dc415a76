"""What does not come up is named by `penstock deploy` and `doctor`, with its event, its last words and the fix."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cluster.command import Ended, deploy, doctor
from cluster.namespace import Namespace
from cluster.release import VERSION, Values, merged
from cluster.suite import soon
from cluster.values import SMALL, for_tests

pytestmark = pytest.mark.slow

UNSUCCESSFUL = 3
FIXED: Values = {"autoscaling": {"enabled": False}}
"""A worker with a pod, whether anything waits or not."""


def foreign(**values: object) -> Values:
    """One more worker, of somebody else's."""
    celery = {"runtime": "celery", "image": {"repository": "penstock/test-shop", "tag": "dev"}, "app": "shop"}
    return merged(FIXED, SMALL, celery, {"pool": "prefork", "timeLimit": 60}, values)


NO_PROBE: Values = {"app": "", "extraEnv": [], "extraVolumes": [], "extraVolumeMounts": []}
PLAIN = merged(for_tests(), {"workers": {"generation": NO_PROBE}})

BROKEN: Values = {
    "api": {"resources": {"requests": {"cpu": "2"}}},
    "scheduler": {"resources": {"requests": {"memory": "8Mi"}, "limits": {"memory": "24Mi"}}},
    "workers": {
        "dataset": FIXED | {"image": {"repository": "localhost:5999/nobody/has", "tag": "this"}},
        "generation": FIXED
        | {
            "extraVolumes": [{"name": "map", "configMap": {"name": "no-such-map"}}],
            "extraVolumeMounts": [{"name": "map", "mountPath": "/map"}],
        },
        "mail": FIXED | {"extraEnv": [{"name": "PENSTOCK_LEASE", "value": "1"}]},
        "opstrace": FIXED | {"nodeSelector": {"disk": "of-gold"}},
        "unset": foreign(queue="unset", extraEnvFrom=[{"configMapRef": {"name": "no-such-map"}}]),
        "mighty": foreign(queue="mighty", securityContext={"privileged": True, "allowPrivilegeEscalation": True}),
        "silent": foreign(queue="silent", probes={"readinessProbe": {"exec": {"command": ["false"]}}}),
        "greedy": foreign(queue="greedy", resources={"requests": {"cpu": "10m"}, "limits": {"cpu": "3"}}),
    },
}
EXPECTED = {
    "image_missing": ("pod penstock-worker-dataset", "localhost:5999/nobody/has:this", "push it"),
    "oom_killed": ("pod penstock-scheduler", "more memory than 24Mi", "resources.limits.memory"),
    "crash_loop": ("pod penstock-worker-mail", "PENSTOCK_LEASE: must be at least three times", "--previous"),
    "pod_misconfigured": ("pod penstock-worker-unset", 'configmap "no-such-map" not found', "make the Secret"),
    "pod_security": ("deployment penstock-worker-mighty", "privileged", "label the namespace"),
    "limit_range": ("deployment penstock-worker-greedy", "maximum cpu usage per Container is 2", "LimitRange"),
    "pod_not_ready": ("pod penstock-worker-silent", "it does not say why", "kubectl"),
    "volume_missing": ("pod penstock-worker-generation", 'configmap "no-such-map" not found', "make the Secret or key"),
}
UNSCHEDULABLE = {"pod penstock-api": "Insufficient cpu", "pod penstock-worker-opstrace": "node affinity/selector"}


def limits(namespace: Namespace) -> None:
    """No container may have more than two processors."""
    limit = {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}
    namespace.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "most"}, "spec": limit})


def test_every_part_that_does_not_come_is_named_with_why(
    new_namespace: Callable[..., Namespace], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    namespace = new_namespace("broken")
    limits(namespace)
    ended = deploy(namespace.name, merged(PLAIN, BROKEN), tmp_path, "--no-images", "--patience", "20")
    assert ended.status == UNSUCCESSFUL, ended
    assert ended.codes & {"pod_unschedulable", "pod_security"}, ended  # what is wrong from the first moment on
    last: list[Ended] = []

    def all_are_seen() -> bool:
        last[:] = [doctor(namespace.name)]
        return set(EXPECTED) <= last[0].codes

    soon(all_are_seen, f"doctor finds {sorted(EXPECTED)}", seconds=120)
    found = last[0]
    assert found.status == UNSUCCESSFUL
    for code, words in EXPECTED.items():
        assert all(word in found.finding(code) for word in words), (code, found.finding(code))
    unscheduled = [one for one in found.found if one["code"] == "pod_unschedulable"]
    for about, word in UNSCHEDULABLE.items():
        one, *_ = [one for one in unscheduled if one["about"].startswith(about)]
        assert word in one["what"]
        assert one["fix"]
    figure(f"one deployment, {len(found.found)} things named")


def test_a_quota_that_is_used_up_is_named(new_namespace: Callable[..., Namespace], tmp_path: Path) -> None:
    namespace = new_namespace("quota")
    namespace.kubectl("create", "quota", "few", "--hard=pods=0")
    ended = deploy(namespace.name, PLAIN, tmp_path, "--patience", "5")
    assert ended.status == UNSUCCESSFUL, ended
    assert "exceeded quota: few" in ended.finding("quota")
    assert "kubectl describe quota" in ended.finding("quota")
    assert "exceeded quota: few" in ended.finding("images_untried")
    assert "no pod of the suite runs" in doctor(namespace.name).finding("inside_unseen")


def test_pods_that_are_refused_for_another_reason_are_named_with_it(
    new_namespace: Callable[..., Namespace], tmp_path: Path
) -> None:
    namespace = new_namespace("priority")
    wrong = merged(PLAIN, {"priorityClassName": "of-kings"})
    ended = deploy(namespace.name, wrong, tmp_path, "--no-images", "--patience", "5")
    assert ended.status == UNSUCCESSFUL, ended
    assert "no PriorityClass with name of-kings was found" in ended.finding("pods_refused")


def test_a_migration_that_fails_is_named_with_what_it_said(
    new_namespace: Callable[..., Namespace], tmp_path: Path
) -> None:
    namespace = new_namespace("migration")
    broken = {"api": {"image": {"tag": f"{VERSION}-broken"}}, "migrations": {"backoffLimit": 0}}
    ended = deploy(namespace.name, merged(PLAIN, broken), tmp_path, "--patience", "20")
    assert ended.status == UNSUCCESSFUL, ended
    assert "of_no_version" in ended.finding("migration_failed")
