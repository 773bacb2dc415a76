"""What is wrong, as people and programs read it: a line for each thing, its fix below it, and a status."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.console import Console
from rich.text import Text

from penstock_cli.client.options import console, print_json
from penstock_cli.statuses import Status
from penstock_runtime.findings import Finding, Level

STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow"}
WIDEST = max(map(len, Level))
FIX = "fix"


def show_findings(found: Sequence[Finding], looked_at: str, *, as_json: bool) -> None:
    """Print the findings, errors first; where there is none, that nothing is wrong, and what was looked at.

    as_json: one line, an array of objects with a Finding's fields.
    """
    ordered = sorted(found, key=lambda finding: finding.level is not Level.ERROR)
    if as_json:
        print_json([asdict(finding) for finding in ordered])
        return
    screen = console()
    for finding in ordered:
        _print(screen, Text(f"{finding.level:<{WIDEST}}", STYLES[finding.level]), f"  {finding.about}: {finding.what}")
        _print(screen, Text(f"{FIX:>{WIDEST}}", "dim"), f"  {finding.fix}")
    if not ordered:
        _print(screen, Text("nothing wrong found", "green"), f"; looked at {looked_at}")


def end(found: Sequence[Finding]) -> None:
    """End the command with a status of its own where one of these is an error. Raises typer.Exit."""
    if any(finding.level is Level.ERROR for finding in found):
        raise typer.Exit(Status.UNSUCCESSFUL)


def read_findings(text: str) -> list[Finding]:
    """What `python -m penstock_runtime.doctor` printed. Raises ValueError where it is nothing of that kind."""
    try:
        return [Finding(**{**item, "level": Level(item["level"])}) for item in json.loads(text)]
    except (TypeError, LookupError) as error:
        raise ValueError(f"no findings: {text[:100]!r}") from error


def _print(screen: Console, first: Text, rest: str) -> None:
    # On one line however long, so that `grep` finds what belongs together; a terminal folds it.
    screen.print(first.append(rest, style="default"), soft_wrap=True, highlight=False)
