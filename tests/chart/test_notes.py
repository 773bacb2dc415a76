"""What is said after an installation: what to do next, and what is missing for real work."""

import os
import subprocess
from collections.abc import Callable

import pytest
import yaml
from chart.rendering import CHART, ROOT, Values

Notes = Callable[..., str]


@pytest.fixture(scope="session")
def notes(helm: str) -> Notes:
    """What is said of these values, without a cluster. So KEDA, which only a cluster has, is off."""

    def run(values: Values | None = None) -> str:
        command = [helm, "install", "penstock", str(CHART), "--namespace", "jobs", "--dry-run=client", "--values", "-"]
        given = yaml.safe_dump({"autoscaling": {"enabled": False}} | (values or {}))
        clean = os.environ | {"KUBECONFIG": os.devnull}
        done = subprocess.run([*command], input=given, env=clean, capture_output=True, text=True, check=False)
        if "cluster unreachable" in done.stderr:
            pytest.skip("this helm asks a cluster even for a dry run of the client: Helm 4 does not")
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("\nNOTES:\n")[2]

    return run


def test_they_say_how_to_try_it_how_to_send_a_job_and_what_remains_at_the_end(notes: Notes) -> None:
    said = notes()
    assert "helm test -n jobs penstock" in said
    assert "kubectl -n jobs get secret penstock-api-key -o jsonpath='{.data.key}' | base64 -d" in said
    assert "kubectl -n jobs port-forward service/penstock-api 8000:80" in said
    assert "`helm uninstall` deletes everything but the volumes, which hold what was accepted" in said
    assert "delete persistentvolumeclaim -l app.kubernetes.io/instance=penstock" in said


def test_a_first_try_is_told_what_it_lacks(notes: Notes) -> None:
    said = notes()
    for lack in ("no mail server", "set publicUrl", "Redis or PostgreSQL is the chart's own", "a volume of one node"):
        assert lack in said


def test_production_lacks_nothing(notes: Notes) -> None:
    values = yaml.safe_load((ROOT / "tests/chart/scenarios/production.yaml").read_text(encoding="utf-8"))
    said = notes(values | {"autoscaling": {"enabled": False}, "httpRoute": {"enabled": False}, "workers": {}})
    assert "Before you rely on it" not in said
    assert "of which this release has none" in said
    assert "get secret first-key" in said


def test_a_queue_without_a_worker_is_named(notes: Notes) -> None:
    said = notes({"workers": {"generation": {"enabled": False}, "mail": {"enabled": False}}})
    assert "No worker takes generation, mail: jobs for it are accepted, and wait." in said


def test_without_the_suite_they_say_where_jobs_are_to_be_sent(notes: Notes) -> None:
    worker = {"runtime": "celery", "image": {"repository": "shop"}, "app": "shop", "queue": "q", "pool": "solo"}
    said = notes({"suite": {"enabled": False}, "workers": {"orders": worker | {"timeLimit": 5}}})
    assert "penstock-redis.jobs.svc:6379/0" in said
    assert "penstock.io/redis-client: penstock" in said
    assert "helm test" not in said
    assert "mail server" not in said


def test_nothing_is_left_of_the_template(notes: Notes) -> None:
    for said in (notes(), notes({"ingress": {"enabled": True, "host": "jobs.example.com", "tlsSecret": "t"}})):
        assert "{{" not in said
        assert "<no value>" not in said
        assert "\n\n\n" not in said.strip()
    assert "https://jobs.example.com/docs" in said
