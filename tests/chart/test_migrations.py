"""When the tables are made and changed: before anything else of an upgrade, beside the rest of an installation."""

import re
from base64 import b64decode
from collections.abc import Callable

from chart.rendering import Object, Rendered, environment

from penstock_runtime.keys import LENGTH, PREFIX

Render = Callable[..., Rendered]


def job(found: Rendered) -> Object:
    (name,) = found.names("Job")
    return found.one("Job", name)


def test_a_first_installation_has_an_ordinary_job_since_its_database_may_not_run_yet(render: Render) -> None:
    assert "annotations" not in job(render())["metadata"]


def test_an_upgrade_migrates_in_a_hook_before_anything_changes_and_keeps_what_failed(render: Render) -> None:
    annotations = job(render({}, "--is-upgrade"))["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-upgrade"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


def test_the_hook_reaches_a_database_that_the_version_before_did_not_know(render: Render) -> None:
    own = {"bundled": {"enabled": False}, "host": "postgres.example.com", "port": 6432}
    found = render({"postgresql": own}, "--is-upgrade")
    policy = found.one("NetworkPolicy", "penstock-migrations")
    assert int(policy["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    assert {"port": 6432} in [port for rule in policy["spec"]["egress"] for port in rule["ports"]]


def test_the_jobs_name_changes_with_what_it_does_and_with_nothing_else(render: Render) -> None:
    def name(values: dict[str, object], *options: str) -> str:
        return str(job(render(values, *options))["metadata"]["name"])

    first = name({})
    assert re.fullmatch(r"penstock-migrate-[0-9a-f]{8}", first)
    assert name({"api": {"replicas": 5}, "workers": {"mail": {"concurrency": 9}}}) == first
    others = [name({"image": {"tag": "2"}}), name({"redis": {"database": 3}}), name({}, "--is-upgrade")]
    assert len({first, *others}) == 4


def test_it_migrates_and_then_makes_the_first_key_valid_with_the_apis_image(render: Render) -> None:
    pod = job(render())["spec"]["template"]["spec"]
    ((migrate,), (register,)) = pod["initContainers"], pod["containers"]
    assert migrate["command"] == ["python", "-m", "penstock_runtime.migrate"]
    assert register["command"] == ["python", "-m", "penstock_runtime.first_key"]
    assert migrate["image"] == register["image"] == "penstock/api:0.1.0"
    assert environment(register)["PENSTOCK_API_KEY_FILE"] == "/run/secrets/penstock/api-key"
    assert "PENSTOCK_API_KEY_FILE" not in environment(migrate)


def test_a_failed_migration_is_bounded_and_leaves_its_log(render: Render) -> None:
    spec = job(render({"migrations": {"backoffLimit": 1, "deadline": 60}}))["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (1, 60)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_another_tool_may_be_told_when_to_run_it(render: Render) -> None:
    annotations = {"argocd.argoproj.io/hook": "PreSync"}
    assert job(render({"migrations": {"annotations": annotations}}))["metadata"]["annotations"] == annotations


def test_somebody_else_may_migrate(render: Render) -> None:
    assert render({"migrations": {"enabled": False}}).names("Job") == []


def test_an_api_key_is_made_that_the_suite_takes(render: Render) -> None:
    releases = ("penstock", "penstock-b", "penstock-c")
    secrets = [render(release=name).one("Secret", f"{name}-api-key") for name in releases]
    made = {b64decode(secret["data"]["key"]).decode() for secret in secrets}
    assert len(made) == 3
    for key in made:
        assert re.fullmatch(rf"{PREFIX}[\w-]+", key, re.ASCII)
        assert len(key) == LENGTH
