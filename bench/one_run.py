"""One run: measure after measure, each on servers of its own, kept and told. One that fails costs no other."""

import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from bench import kept, verdict
from bench.running import Ground, Machine, ground
from bench.tables import titled
from rich.console import Console, RenderableType
from rich.table import Table

UNKEPT = ("what", "judged")
"""Arguments that say nothing of how a measure is taken."""


class Measure(Protocol):
    """Takes it, and draws its picture. Gives what is kept, which has `faults`, and what is shown."""

    def __call__(self, ready: Ground, say: Callable[[str], None], picture: Path) -> tuple[Any, RenderableType]: ...


def take_all(
    measures: Mapping[str, Measure], given: Mapping[str, Any], results: Path, began: datetime, console: Console
) -> list[str]:
    """Take them in their order, into a folder of `results`. What failed, and what was not done that was counted.

    given: the arguments of the command line, which are kept.
    """
    arguments = {name: value for name, value in given.items() if name not in UNKEPT}
    folder = results / began.strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True)
    console.print(_estimates(measures, results, arguments))
    told = []
    for number, (name, measure) in enumerate(measures.items()):
        try:
            told += _take(name, measure, folder, arguments, console, first=not number)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the edge of a measure, which may refuse its arguments
            (folder / f"{name}.error.txt").write_text(traceback.format_exc(), encoding="utf-8")
            told.append(f"{name} failed: {error or type(error).__name__} (all of it: {name}.error.txt)")
            console.print(told[-1], style="bold red", highlight=False)
    verdict.write(verdict.judge(results), began, folder)
    console.print(f"raw results and pictures: {os.path.relpath(folder)}", highlight=False)
    return told


def _take(
    name: str, measure: Measure, folder: Path, arguments: Mapping[str, Any], console: Console, first: bool
) -> list[str]:
    def say(line: str) -> None:
        console.print(f"{datetime.now().astimezone():%H:%M:%S} {line}", style="dim", highlight=False)

    with ground() as ready:
        machine, began = Machine.of(ready), time.monotonic()
        if first:
            console.print(_about(machine))
        result, shown = measure(ready=ready, say=say, picture=folder / f"{name}.png")
    kept.keep(folder, name, result, machine, arguments, time.monotonic() - began)
    console.print(shown)
    return [f"{name}: not what was counted: {fault}" for fault in result.faults]


def _estimates(measures: Mapping[str, Measure], results: Path, arguments: Mapping[str, Any]) -> Table:
    expected = {name: kept.minutes(results, name, arguments) for name in measures}
    table = titled("about how many minutes each measure takes", "measure", "minutes")
    for name, minutes in (*expected.items(), ("all", sum(expected.values()))):
        table.add_row(name, f"{minutes:,.0f}" if minutes >= 1 else "< 1")
    return table


def _about(machine: Machine) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in asdict(machine).items():
        table.add_row(name.replace("_", " "), str(value))
    return table
