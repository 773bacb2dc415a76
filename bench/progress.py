"""A bar that tells how far a measurement is; gone once it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def steps(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Gives what to call as each of `total` steps begins, with that step's name."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=get_console(), transient=True) as progress:
        shown, begun = progress.add_task(title, total=total), 0

        def begin(name: str) -> None:
            nonlocal begun
            progress.update(shown, completed=begun, description=f"{title}: {name}")
            begun += 1

        yield begin
