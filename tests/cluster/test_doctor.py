"""`penstock doctor`, `status` and `logs` on an installation: nothing is wrong, and then one thing after the other."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cluster.api import MAIL as MAIL_TASK
from cluster.api import REPORT
from cluster.command import Ended, deploy, doctor, penstock
from cluster.namespace import Namespace
from cluster.release import merged
from cluster.suite import Suite, soon
from cluster.values import CONCURRENCY, for_tests

UNSUCCESSFUL = 3
ONE_AT_MOST = {"workers": {"generation": {"autoscaling": {"maxReplicas": 1}}}}
RELEASE = "app.kubernetes.io/instance=penstock"
MAIL, SCHEDULER = "scaledobject/penstock-worker-mail", "deployment/penstock-scheduler"


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Installed by `penstock deploy`."""
    suite = Suite(new_namespace("doctor"))
    suite.mount_probe()
    suite.values = merged(for_tests(), {"scheduler": {"replicas": 1}, "api": {"replicas": 1}}, ONE_AT_MOST)
    ended = deploy(suite.namespace.name, suite.values, tmp_path_factory.mktemp("values"))
    assert (ended.status, ended.found) == (0, []), ended
    yield suite
    suite.close()


def await_finding(suite: Suite, code: str, *words: str, seconds: float = 120) -> Ended:
    """Wait until the doctor finds it, in these words."""
    last: list[Ended] = []

    def found() -> bool:
        last[:] = [doctor(suite.namespace.name)]
        return code in last[0].codes and all(word in last[0].finding(code) for word in words)

    soon(found, f"doctor finds {code}: {words}", seconds=seconds)
    return last[0]


def await_health(suite: Suite) -> None:
    """Wait until the doctor finds nothing that is an error."""
    soon(lambda: doctor(suite.namespace.name).status == 0, "doctor finds no error")


@contextmanager
def annotated(suite: Suite, target: str, note: str) -> Iterator[None]:
    name, _, _ = note.partition("=")
    suite.namespace.kubectl("annotate", target, note)
    yield
    suite.namespace.kubectl("annotate", target, f"{name}-")


def test_what_deploy_installed_is_there_and_nothing_is_wrong_with_it(suite: Suite) -> None:
    def nothing_is_wrong() -> bool:
        ended = penstock("doctor", "-n", suite.namespace.name)
        return ended.status == 0 and ended.printed.startswith("nothing wrong found; looked at release penstock")

    soon(nothing_is_wrong, "doctor finds nothing", seconds=120)


def test_deploying_the_same_again_changes_no_pod(suite: Suite, tmp_path: Path) -> None:
    before = suite.namespace.names("")
    assert penstock("deploy", "-n", suite.namespace.name, "--no-images").status == 0  # with the values that it has
    assert suite.release.revision() == 2
    assert suite.namespace.names("") >= {name for name in before if "worker" not in name and "migrate" not in name}


def test_status_shows_each_queue_with_its_pods_and_kedas_figure_beside_ours(suite: Suite) -> None:
    with annotated(suite, MAIL, "autoscaling.keda.sh/paused-replicas=0"):
        for number in range(3):
            suite.api.start(MAIL_TASK, {"email": f"m{number}@example.com", "locale": "en"})
        soon(lambda: mail_of(suite)["queued"]["normal"] == 3, "three mails wait")
        row = mail_of(suite)
        assert (row["keda_counts"], row["in_flight"], row["keda"]) == (3, 0, "paused")
        assert (row["pods"], row["least"], row["most"]) == (0, 0, 5)
        shown = penstock("status", "-n", suite.namespace.name).printed
        assert re.search(r"^mail +3 +0 +0 .* paused +3 ", shown, re.MULTILINE), shown
    soon(lambda: mail_of(suite)["queued"]["normal"] == 0, "a worker has come for them")
    soon(lambda: mail_of(suite)["scaled"] == "0 → 1", "the change of the number of pods is told")


def payload(seconds: str) -> dict[str, str]:
    """Of a report that the probe lets last so long."""
    return {"dataset_id": str(uuid4()), "title": seconds}


def mail_of(suite: Suite) -> dict[str, Any]:
    """The mail queue's row of `penstock status --json`."""
    rows = json.loads(penstock("status", "-n", suite.namespace.name, "--json").printed)["rows"]
    return next(row for row in rows if row["queue"] == "mail")


def test_logs_tells_what_every_process_wrote_about_one_job(suite: Suite) -> None:
    action = {"user_id": "ann", "action": "login", "at": "2026-11-28T12:00:00Z"}
    job = suite.api.post("/v1/user-actions", json={"actions": [action]})["job_id"]
    suite.await_end([job])
    printed = penstock("logs", job, "-n", suite.namespace.name, "--json").printed
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["event"] for line in lines if "worker-opstrace" in line["source"]] == ["started", "took"]
    assert lines == sorted(lines, key=lambda line: line["at"])
    ended = penstock("logs", "00000000-0000-0000-0000-000000000000", "-n", suite.namespace.name)
    assert (ended.status, "no line in the pods of penstock" in ended.said) == (1, True)


def test_a_scaledobject_that_is_paused_is_named_with_the_command_that_ends_it(suite: Suite) -> None:
    with annotated(suite, MAIL, "autoscaling.keda.sh/paused=true"):
        ended = await_finding(suite, "scaler_paused", "annotate scaledobject penstock-worker-mail")
        assert ended.status == 0, "it is a warning"


@pytest.mark.slow
def test_workers_at_their_maximum_are_told(suite: Suite) -> None:
    jobs = suite.api.start_all([{"task": REPORT, "payload": payload("20")} for _ in range(2 * CONCURRENCY)])
    assert await_finding(suite, "at_maximum", "deployment penstock-worker-generation", "its maximum, 1").status == 0
    suite.await_end(jobs)


@pytest.mark.slow
def test_a_scaledobject_whose_login_is_gone_is_named(suite: Suite) -> None:
    path = "/spec/triggers/0/authenticationRef/name"
    wrong = json.dumps([{"op": "replace", "path": path, "value": "of-nobody"}])
    suite.namespace.kubectl("patch", MAIL, "--type=json", "-p", wrong)
    await_finding(suite, "scaler_not_ready", "scaledobject penstock-worker-mail", "KEDA refuses it")
    assert penstock("deploy", "-n", suite.namespace.name, "--no-images").status == 0
    await_health(suite)


def test_an_upgrade_whose_migration_fails_is_explained_and_what_ran_still_runs(suite: Suite, tmp_path: Path) -> None:
    broken = {"api": {"image": {"tag": suite.tag("broken")}}, "migrations": {"backoffLimit": 0}}
    ended = deploy(suite.namespace.name, merged(suite.values, broken), tmp_path, "--no-images")
    assert ended.status == UNSUCCESSFUL, ended
    assert "what ran before still runs" in ended.finding("helm_failed")
    assert "of_no_version" in ended.finding("migration_failed")
    assert suite.namespace.running("api")
    assert "deploy again" in await_finding(suite, "release_failed").finding("release_failed")
    assert deploy(suite.namespace.name, suite.values, tmp_path, "--no-images").status == 0
    await_health(suite)


def test_a_scheduler_without_a_pod_is_named_and_seen_from_inside(suite: Suite) -> None:
    suite.namespace.kubectl("scale", SCHEDULER, "--replicas=0")
    ended = await_finding(suite, "no_pods", "scale deployment penstock-scheduler --replicas=1")
    assert ended.status == UNSUCCESSFUL
    await_finding(suite, "relay_silent")
    suite.namespace.kubectl("scale", SCHEDULER, "--replicas=1")
    await_health(suite)


def test_a_volume_that_nobody_makes_is_named(suite: Suite) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "more", "labels": dict([RELEASE.split("=")])},
        "spec": {
            "storageClassName": "golden",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    suite.namespace.apply(claim)
    await_finding(suite, "no_storage", "volume more", 'storageclass.storage.k8s.io "golden" not found')
    suite.namespace.kubectl("delete", "pvc", "more")


@pytest.mark.slow
def test_a_pod_that_filled_its_disk_and_was_put_out_is_named(suite: Suite) -> None:
    suite.namespace.execute(SCHEDULER, "dd", "if=/dev/zero", "of=/tmp/full", "bs=1M", "count=80")
    await_finding(suite, "pod_evicted", "exceeds the limit", "`tmpSize` of its values", seconds=180)
    for pod in suite.namespace.pods("scheduler"):
        if pod.status.phase == "Failed":
            suite.namespace.kubectl("delete", "pod", pod.metadata.name)
    await_health(suite)


def test_a_policy_that_shuts_keda_out_is_named_and_that_keda_cannot_count(suite: Suite) -> None:
    elsewhere = {"networkPolicy": {"kedaNamespace": "elsewhere"}}
    suite.release.upgrade(merged(suite.values, elsewhere), wait="")
    await_finding(suite, "keda_shut_out", "networkPolicy.kedaNamespace=keda", "networkpolicy of redis")
    # Connections that were there live on; KEDA opens new ones with a new ScaledObject.
    suite.namespace.kubectl("delete", "scaledobject", "penstock-worker-mail")
    suite.release.upgrade(merged(suite.values, elsewhere), wait="")
    await_finding(suite, "scaler_blind", "scaledobject penstock-worker-mail", "networkPolicy.kedaNamespace")


def test_uninstall_takes_all_away_but_the_volumes_and_then_these_too(suite: Suite) -> None:
    namespace = suite.namespace.name
    ended = penstock("uninstall", "-n", namespace, "--yes")
    assert ended.status == 0, ended
    assert "the volume penstock-storage stays; --volumes deletes it" in ended.said
    assert "not_installed" in doctor(namespace).codes
    assert penstock("uninstall", "-n", namespace, "--yes", "--volumes").status == 0
    soon(lambda: not suite.namespace.objects("pvc"), "the volumes are gone")
