"""docs/troubleshooting.md has a row for each thing that can be found, and each row names a test that makes it."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from penstock_cli.cluster.codes import Code as ClusterCode
from penstock_cli.doctor import LocalCode
from penstock_runtime.doctor.codes import Code
from penstock_runtime.doctor.settings import DoctorSettings
from penstock_runtime.settings import environment_names

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by their code."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].strip("` "): cells[1:] for cells in lines}


TABLES = {"Seen from inside": Code, "On this machine": LocalCode, "On a cluster": ClusterCode}


@pytest.mark.parametrize(("heading", "codes"), TABLES.items())
def test_the_table_has_each_code_and_no_other(heading: str, codes: type[StrEnum]) -> None:
    assert list(rows(heading)) == [*dict.fromkeys(rows(heading))]
    assert set(rows(heading)) == {*codes}


@pytest.mark.parametrize("heading", TABLES)
def test_each_row_names_tests_that_are_there_and_name_its_code(heading: str) -> None:
    tests = [
        path.read_text(encoding="utf-8")
        for part in ("libs", "cli", "tests")
        for path in (ROOT / part).rglob("test_*.py")
    ]
    for code, cells in rows(heading).items():
        named = re.findall(r"`(test_\w+)`", cells[-1])
        assert named, code
        files = [text for name in named for text in tests if f"def {name}(" in text]
        assert len(files) == len(named), (code, named)
        assert any(re.search(rf"\b{code}\b", text) for text in files), code


def test_every_bound_is_told_with_its_default() -> None:
    for name, field in DoctorSettings.model_fields.items():
        assert f"| `{environment_names(name, field)[0]}` | {field.default} |" in TEXT
