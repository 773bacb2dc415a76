"""What people see while a run goes on: a line for each fault, and on a terminal bars below them."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Screen:
    """Lines and bars. For several threads."""

    def __init__(self, console: Console) -> None:
        self._began = time.monotonic()
        columns = (TextColumn("{task.description:>16}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=console, transient=True)
        self._faults = self._bars.add_task("faults done", total=None)
        self._jobs = self._bars.add_task("jobs ended", total=None)

    def __enter__(self) -> "Screen":
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        """Print one line, with the time since the start before it."""
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        self._bars.console.print(f"{minutes:3}:{seconds:02}  {line}", markup=False, highlight=False, soft_wrap=True)

    def faults(self, done: int, total: int) -> None:
        """How far the plan is."""
        self._bars.update(self._faults, completed=done, total=total)

    def jobs(self, ended: int, sent: int) -> None:
        """How far the load is: of what has been sent."""
        self._bars.update(self._jobs, completed=ended, total=sent)
