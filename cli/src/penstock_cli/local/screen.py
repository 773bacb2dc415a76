"""What runs where, on a terminal as one table that follows it, elsewhere as one line per change."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from penstock_cli.local.processes import Child, Phase

WIDE = 110
"""Columns from which on the terminal has room for every column of the table."""

DRAW_EVERY = 0.25
"""Seconds between two drawings."""

STYLES = {
    Phase.READY: "green",
    Phase.STARTING: "yellow",
    Phase.RESTARTING: "bold red",
    Phase.STOPPING: "yellow",
    Phase.WAITING: "dim",
    Phase.STOPPED: "dim",
}

RUNNING = (Phase.STARTING, Phase.READY, Phase.STOPPING)


class Screen:
    """Shows children and sentences. A terminal that went away is no error: the run goes on."""

    def __init__(self, console: Console, folder: Path) -> None:
        self.below: list[RenderableType] = []
        self._console = console
        self._folder = folder
        self._children: Callable[[], list[Child]] = list
        self._live: Live | None = None
        self._drawn = 0.0
        self._phases: dict[str, Phase] = {}

    @property
    def is_terminal(self) -> bool:
        """Whether a table is shown, rather than lines."""
        return self._console.is_terminal

    @contextlib.contextmanager
    def following(self, children: Callable[[], list[Child]]) -> Iterator[None]:
        """Show these children until the block ends."""
        self._children = children
        if not self._console.is_terminal:
            yield
            return
        live = Live(console=self._console, auto_refresh=False, transient=True, get_renderable=self._table)
        with live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def say(self, sentence: str) -> None:
        """Show a sentence, with the time."""
        line = f"{time.strftime('%H:%M:%S')} {sentence}"
        self._quietly(lambda: self._console.print(line, markup=False, highlight=False, soft_wrap=True))

    def show(self) -> None:
        """Draw what has changed."""
        if self._live is None:
            self._tell_changes()
        elif time.monotonic() - self._drawn > DRAW_EVERY:
            self._drawn = time.monotonic()
            self._quietly(self._live.refresh)

    def _tell_changes(self) -> None:
        for child in self._children():
            if child.phase is not self._phases.get(child.program.name, Phase.WAITING):
                self._phases[child.program.name] = child.phase
                facts = [
                    child.phase,
                    *([f"pid {child.pid}", child.program.address] if child.phase is Phase.READY else []),
                ]
                self.say(f"{child.program.name}: {', '.join(filter(None, facts))}")

    def _table(self) -> RenderableType:
        wide = self._console.width >= WIDE
        columns = ["process", *(["what it does"] if wide else []), "pid", "address", "state"]
        title = Text(f"Penstock on {self._folder}, logs in logs/<process>.log", style="italic")
        table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
        for column in columns:
            table.add_column(column, no_wrap=column != "what it does")
        for child in self._children():
            row: dict[str, RenderableType] = {
                "process": child.program.name,
                "what it does": child.program.does,
                "pid": str(child.pid) if child.phase in RUNNING else "",
                "address": child.program.address,
                "state": Text(_state(child), style=STYLES[child.phase]),
            }
            table.add_row(*(row[column] for column in columns))
        return Group(table, *self.below)

    def _quietly(self, draw: Callable[[], None]) -> None:
        # A closed terminal or pipe must not keep the children from being stopped in order.
        with contextlib.suppress(OSError):
            draw()


def _state(child: Child) -> str:
    return f"{child.phase} ({child.restarts}×)" if child.restarts else str(child.phase)
