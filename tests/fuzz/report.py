"""What people read at the end of a run."""

from pathlib import Path

from fuzz.findings import Findings
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

STATES = ("accepted", "queued", "running", "succeeded", "failed", "cancelled", "dead")


def show(findings: Findings, console: Console, *, seed: int, folder: Path) -> None:
    """Print the figures, the findings, and how to come back to them."""
    console.print(_figures(findings))
    console.print(_jobs(findings))
    for finding in findings.all:
        console.print(f"FOUND: {finding}", markup=False, style="red", soft_wrap=True)
    if findings.all:
        console.print(f"the same again: make fuzz SEED={seed}", markup=False, soft_wrap=True)
        console.print(
            "one request again, on the same data: start the suite with\n"
            f"    .venv/bin/penstock up --state {folder}\n"
            f"and send the curl line of above with the key in {folder}/api_key, or\n"
            f"    cd {folder} && {Path.cwd()}/.tools/fuzz/bin/st replay <case>",
            markup=False,
            soft_wrap=True,
        )
    else:
        console.print(f"seed {seed}: nothing found", style="green")


def _figures(findings: Findings) -> Table:
    answers = findings.answers
    table = Table(box=SIMPLE_HEAD, title="what was asked", title_justify="left")
    for column in ("seconds", "operations", "requests made up", "unlike the document", "refusals left out"):
        table.add_column(column, justify="right")
    operations = answers["operations"]
    table.add_row(
        f"{answers['running_time']:.0f}",
        f"{operations['tested']} of {operations['total']}",
        str(answers["test_cases"]["generated"]),
        str(answers["test_cases"]["unique_failures"]),
        str(answers["filtered"]),
    )
    return table


def _jobs(findings: Findings) -> Table:
    table = Table(box=SIMPLE_HEAD, title="jobs that came of it, by their state at the end", title_justify="left")
    table.add_column("task")
    for state in STATES:
        table.add_column(state, justify="right")
    for task in sorted({task for task, _ in findings.jobs}):
        table.add_row(task, *(str(findings.jobs[task, state] or "") for state in STATES))
    return table
