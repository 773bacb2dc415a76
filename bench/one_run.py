"""One run: measure after measure, on servers of its own where it needs some. One that fails costs no other."""

import os
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import kept, verdict
from bench.running import Ground, Machine, ground
from bench.tables import titled
from rich.console import Console, RenderableType
from rich.table import Table

from penstock_runtime.errors import PenstockError

UNKEPT = ("what", "judged")
"""Arguments that say nothing of how a measure is taken."""


Measure = Callable[[Any, Callable[[str], None], Path], tuple[Any, RenderableType]]
"""Given a ground, whom to tell, and where its picture is to be, it takes it: what is kept, which has `faults`, and what
is shown."""


def take_all(
    measures: Mapping[str, Measure],
    given: Mapping[str, Any],
    results: Path,
    began: datetime,
    console: Console,
    alone: Collection[str] = (),
) -> list[str]:
    """Take them in their order, into a folder of `results`. What failed, and what was not done that was counted.

    given: the arguments of the command line, which are kept. alone: measures that need no servers.
    """
    arguments = {name: value for name, value in given.items() if name not in UNKEPT}
    folder = results / began.strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True)
    console.print(_estimates(measures, results, arguments))
    told = []
    for number, (name, measure) in enumerate(measures.items()):
        try:
            buffers = given.get("shared_buffers") if name == "growth" else None
            with nullcontext() if name in alone else ground(buffers) as ready:
                told += _take(name, measure, ready, folder, arguments, console, first=not number)
        except PenstockError as error:  # what it says is enough
            told.append(f"{name} was not measured: {error.message}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the edge of a measure, which may refuse its arguments
            (folder / f"{name}.error.txt").write_text(traceback.format_exc(), encoding="utf-8")
            told.append(f"{name} failed: {error or type(error).__name__} (all of it: {name}.error.txt)")
            console.print(told[-1], style="bold red", highlight=False)
    verdict.write(verdict.judge(results), began, folder)
    console.print(f"raw results and pictures: {os.path.relpath(folder)}", highlight=False)
    return told


def _take(
    name: str,
    measure: Measure,
    ready: Ground | None,
    folder: Path,
    arguments: Mapping[str, Any],
    console: Console,
    first: bool,
) -> list[str]:
    def say(line: str) -> None:
        console.print(f"{datetime.now().astimezone():%H:%M:%S} {line}", style="dim", highlight=False)

    machine, began = Machine.of(ready), time.monotonic()
    if first:
        console.print(_about(machine))
    result, shown = measure(ready, say, folder / f"{name}.png")
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
        if value == "":
            continue
        table.add_row(name.replace("_", " "), str(value))
    return table
