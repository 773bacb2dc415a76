"""What the chart makes of each scenario, in full.

`PENSTOCK_WRITE=1 pytest tests/chart` writes it anew, to be read in the diff.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from chart.rendering import ALL_APIS, KEDA, template

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE / "scenarios").glob("*.yaml"))
APIS = {"production": ALL_APIS, "without-keda": ()}
"""What the scenario's cluster serves besides Kubernetes; else KEDA alone."""

MADE_ANEW = re.compile(r"^(  (?:(?:keda-)?password|users\.conf|key)| {8}penstock\.io/users): .+$", re.MULTILINE)
"""What is random in the Secrets, or made of it."""

scenario = pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def text(helm: str) -> Callable[[Path, str], str]:
    """The rendered text of a scenario, without what is random in it."""

    def run(path: Path, binary: str = helm) -> str:
        done = template(binary, yaml.safe_load(path.read_text(encoding="utf-8")), apis=APIS.get(path.stem, KEDA))
        assert done.returncode == 0, done.stderr
        return MADE_ANEW.sub(r"\1: made anew", done.stdout)

    return run


@scenario
def test_a_scenario_is_rendered_as_it_was(path: Path, text: Callable[..., str]) -> None:
    golden = HERE / "golden" / path.name
    now = text(path)
    if os.environ.get("PENSTOCK_WRITE"):
        golden.write_text(now, encoding="utf-8")
    assert now == golden.read_text(encoding="utf-8"), "PENSTOCK_WRITE=1 pytest tests/chart writes it anew"


@scenario
def test_helm_3_renders_the_same(path: Path, text: Callable[..., str], helm3: str) -> None:
    assert text(path, helm3) == text(path)


@scenario
def test_no_line_ends_in_blanks(path: Path, text: Callable[..., str]) -> None:
    assert [line for line in text(path).splitlines() if line != line.rstrip()] == []


def test_there_is_a_golden_for_each_scenario() -> None:
    assert {path.name for path in (HERE / "golden").glob("*.yaml")} == {path.name for path in SCENARIOS}
