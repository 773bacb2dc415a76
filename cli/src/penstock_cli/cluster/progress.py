"""How a deployment goes, for people: in one place on a terminal, else a line for each change."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from penstock_cli.cluster.rollout import Part
from penstock_runtime.findings import Finding

DONE, WRONG = Text("✓", "green"), Text("✗", "bold red")


class Progress:
    """Shown while it is entered."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._said: dict[str, str] = {}
        self._live: Live | None = None

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(f"{self.seconds:6.1f} s  {text}", highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, what: str) -> Iterator[list[Finding]]:
        """One look, whose findings go into what it yields; its line tells how it went."""
        found: list[Finding] = []
        with self._console.status(f"{what} …"):
            yield found
        self._console.print(f"{self.seconds:6.1f} s ", WRONG if found else DONE, f" {what}", sep="", highlight=False)

    def show(self, parts: list[Part], troubles: list[Finding]) -> None:
        """The parts as they are now."""
        if self._live is not None:
            self._live.update(self._table(parts, troubles), refresh=True)
            return
        now = {part.name: part.says for part in parts} | {one.about: one.what for one in troubles}
        for name, says in now.items():
            if self._said.get(name) != says:
                self.say(f"{name}: {says}")
        self._said = now

    def _table(self, parts: list[Part], troubles: list[Finding]) -> RenderableType:
        table = Table(box=None, show_header=False, pad_edge=False)
        for part in parts:
            table.add_row(
                DONE if part.done else Spinner("dots"), part.name, Text(part.says, "" if part.done else "cyan")
            )
        lines = [Text(f"{one.about}: {one.what}", "yellow", overflow="fold") for one in troubles]
        return Group(table, Text(f"{self.seconds:.0f} s", "dim"), *lines)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(Text(""), console=self._console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
