"""From nothing to a working suite and back, with the values that the chart has by itself."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cluster.namespace import Namespace, kubectl
from cluster.suite import Suite, soon

CSV = "month,loans\n" + "\n".join(f"2026-{number % 12 + 1:02},{number}" for number in range(200))
ACTION = {"user_id": "u-17", "action": "login", "at": "2026-05-01T08:30:00Z"}
WITHIN = 180
ENDED = "SELECT id FROM jobs WHERE state = 'succeeded' ORDER BY finished_at"
OF_THE_CLUSTER = {"configmap/kube-root-ca.crt", "serviceaccount/default"}

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def suite(new_namespace: Callable[..., Namespace]) -> Iterator[Suite]:
    suite = Suite(new_namespace("install"))
    yield suite
    suite.close()


def test_every_kind_is_taken_by_the_api_server(suite: Suite) -> None:
    rendered = suite.release.template({"ingress": {"enabled": True, "host": "jobs.example.com"}}, "--skip-tests")
    said = suite.namespace.kubectl("apply", "--dry-run=server", "-f", "-", stdin=rendered)
    assert "(server dry run)" in said
    assert "would violate" not in said


def test_one_command_installs_it_and_all_is_ready_within_three_minutes(suite: Suite, figure: Figure) -> None:
    seconds = suite.install({})
    figure(f"helm install --wait with default values: {seconds:.0f} s")
    assert seconds < WITHIN
    assert suite.unwell() == []


def test_helm_test_passes(suite: Suite) -> None:
    assert "Phase:          Succeeded" in suite.release.test()


def test_jobs_of_every_queue_run_over_the_service(suite: Suite) -> None:
    suite.mailbox.start()
    suite.upgrade(suite.mailbox.values)
    api = suite.api
    dataset = api.post("/v1/datasets", files={"file": ("loans.csv", CSV.encode())})["job_id"]
    actions = api.post("/v1/user-actions", json={"actions": [ACTION]})["job_id"]
    api.post("/v1/registrations", json={"email": "reader@example.com", "locale": "en"})
    suite.await_end([dataset, actions])
    report = api.post("/v1/reports", json={"dataset_id": dataset})["job_id"]
    suite.await_end([report])
    assert api.job(dataset)["result"]["rows"] == 200
    assert [file["bytes"] > 10_000 for file in api.job(report)["result"]["files"]] == [True, True]
    assert [item["user_id"] for item in api.get("/v1/user-actions?user_id=u-17")["items"]] == ["u-17"]
    soon(lambda: suite.mailbox.deliveries("reader@"), "the mail is delivered")


def test_uninstalling_leaves_the_volumes_with_which_the_next_release_goes_on(suite: Suite, figure: Figure) -> None:
    ended = suite.sql(ENDED)
    notes = suite.release.helm("get", "notes", suite.release.name)
    suite.close()
    said = suite.release.uninstall()
    volumes = suite.namespace.objects("persistentvolumeclaims")
    soon(lambda: everything(suite.namespace) - OF_THE_CLUSTER <= volumes, "nothing stays but the volumes")
    assert suite.namespace.objects("persistentvolumeclaims") == volumes != set()
    assert "deletes everything but the volumes" in notes
    assert "kept" in said

    seconds = suite.install(suite.values)
    figure(f"helm install --wait over the volumes of a release before: {seconds:.0f} s")
    assert ended
    assert suite.sql(ENDED)[: len(ended)] == ended
    assert "Phase:          Succeeded" in suite.release.test()


def everything(namespace: Namespace) -> set[str]:
    """`kind/name` of all that is in a namespace, but the tests' own and what the cluster itself writes there."""
    kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    listed = [kind for kind in kinds if not kind.startswith(("events", "pods.metrics", "endpoint"))]
    items: list[dict[str, Any]] = json.loads(namespace.kubectl("get", ",".join(listed), "-o", "json"))["items"]
    return {
        f"{item['kind'].lower()}/{item['metadata']['name']}"
        for item in items
        if "mailbox" not in item["metadata"]["name"]
    }
