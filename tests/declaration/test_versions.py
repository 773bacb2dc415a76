"""One set of versions everywhere: what members pin, the exports that are installed, and uv's constraints."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ROOT_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = [
    path.parent
    for glob in ROOT_PROJECT["tool"]["uv"]["workspace"]["members"]
    for path in sorted(ROOT.glob(f"{glob}/pyproject.toml"))
]
REQUIREMENTS = ROOT / "requirements"
APART = ("fuzz", "compat", "peers")
EXPORTS = sorted(REQUIREMENTS.glob("*.txt"))
EXAMPLES = sorted(ROOT.glob("examples/*/requirements.txt"))

member = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
export = pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.name)


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def installed(path: Path) -> list[str]:
    """An export's requirements with their markers, without hashes and comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removesuffix("\\").strip() for line in lines if line and not line.startswith((" ", "#"))]


def versions(requirements: list[str]) -> set[tuple[str, str]]:
    parsed = [Requirement(requirement) for requirement in requirements]
    return {(one.name, str(one.specifier)) for one in parsed}


def direct(requirements: list[str]) -> set[tuple[str, str]]:
    """What is required from outside the workspace."""
    return {pin for pin in versions(requirements) if not pin[0].startswith("penstock-")}


@member
def test_a_member_pins_what_it_requires_and_its_export_has_those_versions(folder: Path) -> None:
    required = direct(project(folder)["dependencies"])
    assert [name for name, specifier in required if not specifier.startswith("==")] == []
    assert required <= versions(installed(REQUIREMENTS / f"{folder.name}.txt")), "run `make lock`"


def test_the_tools_of_development_are_pinned_and_exported() -> None:
    groups = ROOT_PROJECT["dependency-groups"]
    for group in ("dev", *APART):
        assert direct(groups[group]) <= versions(installed(REQUIREMENTS / f"{group}.txt")), "run `make lock`"
    assert versions(groups["bootstrap"]) == versions(installed(REQUIREMENTS / "uv.txt")), "run `make lock`"


def test_there_is_one_export_for_each_member_besides_the_tools() -> None:
    assert {path.stem for path in EXPORTS} == {"dev", "uv", *APART} | {folder.name for folder in FOLDERS}


@member
def test_a_member_installs_versions_that_development_has(folder: Path) -> None:
    path = REQUIREMENTS / f"{folder.name}.txt"
    assert versions(installed(path)) <= versions(installed(REQUIREMENTS / "dev.txt"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_runs_in_the_tests_with_the_versions_that_it_names(path: Path) -> None:
    assert versions(installed(path)) <= versions(installed(REQUIREMENTS / "dev.txt"))


def test_a_plain_uv_run_is_constrained_to_the_versions_of_development() -> None:
    exported = [pin for name in ("dev", *APART) for pin in installed(REQUIREMENTS / f"{name}.txt")]
    assert set(ROOT_PROJECT["tool"]["uv"]["constraint-dependencies"]) == set(exported)


@export
def test_an_export_names_no_place_to_download_from(path: Path) -> None:
    assert "://" not in path.read_text(encoding="utf-8")


@member
def test_every_member_runs_on_the_same_pythons(folder: Path) -> None:
    assert project(folder)["requires-python"] == ROOT_PROJECT["project"]["requires-python"]
