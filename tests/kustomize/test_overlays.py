"""The overlays: one for a first try, which needs nothing else, and one for real work, which brings no password."""

import re
import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from chart.rendering import ROOT, Object
from kustomize.combinations import COMPONENTS, K8S, built, components, helms, kustomize, read, secrets

from penstock_runtime.keys import LENGTH, PREFIX

LOCAL, PRODUCTION = K8S / "overlays/local", K8S / "overlays/production"
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))


def job(objects: list[Object]) -> str:
    """The name of the Job that migrates."""
    (name,) = [one["metadata"]["name"] for one in objects if one["kind"] == "Job"]
    return str(name)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(K8S, tmp_path / "k8s"))


def test_the_local_one_brings_the_secrets_that_the_chart_makes() -> None:
    assert secrets(built(LOCAL)) == secrets(helms(K8S / "tests/local"))


def test_its_passwords_say_that_everybody_knows_them_and_the_api_takes_its_key() -> None:
    said = {one["metadata"]["name"]: one["data"] for one in built(LOCAL) if one["kind"] == "Secret"}
    plain = {name: {key: b64decode(value).decode() for key, value in data.items()} for name, data in said.items()}
    assert [name for name, data in plain.items() if "known-to-everybody" not in "".join(data.values())] == []
    key = plain["penstock-api-key"]["key"]
    assert re.fullmatch(rf"{PREFIX}[\w-]+", key, re.ASCII)
    assert len(key) == LENGTH


def test_no_password_stands_anywhere_else() -> None:
    assert secrets(built(PRODUCTION)) == {}
    for path in K8S.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert "kind: Secret\n" not in text, path
        assert "secretGenerator" not in text or path == LOCAL / "secrets/kustomization.yaml", path


def test_the_namespace_of_the_local_one_refuses_what_pod_security_forbids() -> None:
    (namespace,) = [one for one in built(LOCAL) if one["kind"] == "Namespace"]
    assert namespace["metadata"]["name"] == "penstock"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_one_for_production_names_an_image_for_each_service() -> None:
    named = {one["name"]: one["newName"] for one in read(PRODUCTION / "kustomization.yaml")["images"]}
    assert sorted(named) == [f"penstock/{service}" for service in SERVICES]
    assert all(new == f"registry.example.com/{old}" for old, new in named.items())


def test_the_job_that_migrates_has_another_name_for_another_image_and_for_another_database(copy: Path) -> None:
    names = [job(built(copy / "overlays/production"))]
    kustomization = copy / "overlays/production/kustomization.yaml"
    text = kustomization.read_text(encoding="utf-8")
    kustomization.write_text(text.replace("com/penstock/api}", 'com/penstock/api, newTag: "2"}'), encoding="utf-8")
    names.append(job(rebuilt(copy / "overlays/production")))
    settings = copy / "overlays/production/settings.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("postgres.example", "other.example"))
    names.append(job(rebuilt(copy / "overlays/production")))
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"penstock-migrate-[a-z0-9]{10}", name) for name in names)


def rebuilt(folder: Path) -> list[Object]:
    built.cache_clear()
    return built(folder)


def test_a_component_without_its_settings_is_refused_by_name(copy: Path) -> None:
    settings = copy / "overlays/production/settings.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("name: external-redis", "name: other"))
    done = kustomize(copy / "overlays/production")
    assert done.returncode != 0
    assert "external-redis" in done.stderr


@pytest.mark.parametrize("folder", COMPONENTS, ids=lambda folder: folder.name)
def test_a_components_readme_says_in_three_lines_what_it_is_and_all_that_it_must_be_told(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 3
    path = folder / "settings.yaml"
    wanted = [one["source"]["fieldPath"].removeprefix("data.") for one in read(path)] if path.exists() else []
    assert [key for key in wanted if f"`{key}`" not in text] == []


def test_the_one_for_production_has_what_real_work_needs() -> None:
    needed = {"external-redis", "external-postgres", "tls", "ingress", "monitoring"}
    assert needed <= set(components(PRODUCTION))
