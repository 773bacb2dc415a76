"""What is rendered in k8s/ is what the chart renders now."""

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from chart.binaries import binary
from chart.rendering import ROOT
from kustomize.combinations import K8S


@pytest.fixture(scope="session")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """k8s/, rendered anew beside it."""
    binary("helm4")
    copy = tmp_path_factory.mktemp("k8s") / "k8s"
    shutil.copytree(K8S, copy)
    render(copy)
    return copy


def render(folder: Path, *options: str) -> None:
    script = [sys.executable, str(ROOT / "scripts/k8s.py"), "--into", str(folder), *options]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_is_not_stale(anew: Path) -> None:
    files = {path.relative_to(folder) for folder in (K8S, anew) for path in folder.rglob("*") if path.is_file()}
    _, other, missing = filecmp.cmpfiles(K8S, anew, sorted(map(str, files)), shallow=False)
    assert other + missing == [], "the chart renders these otherwise now: run `make k8s`, and read the diff"


def test_another_namespace_is_in_every_name_that_has_one(tmp_path: Path) -> None:
    binary("helm4")
    copy = tmp_path / "k8s"
    shutil.copytree(K8S, copy)
    shutil.rmtree(copy / "components")
    render(copy, "--namespace", "jobs")
    for path in [*copy.glob("base/*.yaml"), *copy.glob("overlays/local/**/*.yaml"), *copy.glob("try/*.yaml")]:
        text = path.read_text(encoding="utf-8")
        assert "namespace: penstock\n" not in text, path.name
        assert ".penstock.svc" not in text, path.name
    assert "penstock-redis.jobs.svc" in (copy / "base/scaledobjects.yaml").read_text(encoding="utf-8")
