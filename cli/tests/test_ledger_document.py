"""docs/ledger.md says what is: its commands and statements run, its settings and states are those of the code."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from chaos.__main__ import options
from chaos.plan import SHORT
from chaos.record import TASKS
from command_line import Penstock, RunningApi
from sqlalchemy import text

from penstock_runtime.schema import FINISHED, OPEN
from penstock_runtime.settings import RuntimeSettings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in DOCUMENT.splitlines() if line.startswith("    ")]
STATEMENTS = [
    statement.strip()
    for block in re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
    for statement in block.split(";")
    if statement.strip()
]
REPORT = '{"dataset_id": "01936b0e-8a55-7c1c-9d4b-3f1f0a4e9a10"}'


def first_cells(heading: str) -> list[str]:
    """The first cell of each row of the table below this row."""
    rows = DOCUMENT[DOCUMENT.index(heading) :].partition("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1].strip(" `") for row in rows]


@pytest.fixture
def job(penstock: Penstock) -> str:
    """A job that waits."""
    return penstock("jobs", "submit", "generation.report", REPORT).output.strip()


def test_each_penstock_command_does_what_it_says(penstock: Penstock, job: str) -> None:
    said = {}
    for line in COMMANDS:
        name, *words = shlex.split(line.replace("$JOB", job), comments=True)
        if name == "penstock":
            done = penstock(*words)
            assert (done.status, done.told) == (0, "")
            said[" ".join(words[:2])] = done.output
    assert job in said["jobs show"]
    assert "cancelled" in said["jobs cancel"]
    assert "accepted" in said["jobs retry"]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_statement_finds_what_it_is_for(
    statement: str, penstock: Penstock, job: str, running_api: RunningApi
) -> None:
    running_api.change(job, "state = 'running', lease_until = now() - interval '1 minute', missing_since = now()")
    dead = penstock("jobs", "submit", "generation.report", REPORT).output.strip()
    running_api.change(dead, """state = 'dead', finished_at = now(), error = '{"code"\\: "why"}'""")
    with running_api.database.connect() as connection:
        assert connection.execute(text(statement)).all() != []


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_each_make_command_asks_for_a_run_that_there_is(line: str) -> None:
    command = shlex.split(line, comments=True)
    shown = subprocess.run(
        [*command, "-n", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    [asked] = options(shlex.split(shown.replace("\\\n", " ").partition("-m chaos")[2]))
    assert (asked.wanted is SHORT) is ("SHORT=1" in command)
    assert [f"SEED={asked.seed}"] == [word for word in command if word.startswith("SEED=")] or "SEED" not in line


def test_its_settings_are_those_of_the_runtime_with_their_defaults() -> None:
    told = dict(re.findall(r"^\| `PENSTOCK_(\w+)` \| ([\d.]+) \|", DOCUMENT, re.MULTILINE))
    assert len(told) == len(first_cells("| setting | default |"))
    assert {name: float(told[name]) for name in told} == {
        name: float(RuntimeSettings.model_fields[name.lower()].default) for name in told
    }
    named = set(re.findall(r"`PENSTOCK_(\w+)`", DOCUMENT))
    assert named == set(told)


def test_its_states_are_those_of_the_ledger() -> None:
    assert {state for state in first_cells("| state | means |") if state} == {*OPEN, *FINISHED}


def test_its_figures_are_of_every_queue_that_chaos_loads() -> None:
    assert {queue.name for queue in TASKS} <= set(first_cells("| queue | jobs |"))
