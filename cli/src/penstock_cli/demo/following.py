"""The jobs' progress: bars on a terminal, elsewhere a line for each change of state."""

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from penstock_cli.demo.work import Sent
from penstock_cli.local.screen import Screen


class Following:
    """The jobs that were sent, shown below the screen's table."""

    def __init__(self, screen: Screen) -> None:
        self.all: list[Sent] = []
        self._screen = screen
        self._bars: dict[str, TaskID] = {}
        self._states: dict[str, str] = {}
        self._progress = Progress(
            TextColumn("{task.fields[queue]}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[state]}"),
        )
        screen.below = [self._progress]

    def add(self, sent: Sent) -> None:
        """Show one more job."""
        self.all.append(sent)
        self._bars[sent.job.id] = self._progress.add_task(
            sent.does, total=None, queue=sent.job.queue, state=sent.job.state
        )

    def unfinished(self) -> list[Sent]:
        """The jobs that are waited for."""
        return [sent for sent in self.all if not sent.job.is_finished]

    def update(self, sent: Sent) -> None:
        """Show what is known of a job now."""
        job = sent.job
        bar = self._bars[job.id]
        self._progress.update(bar, state=job.state)
        if job.progress and job.progress.total:
            self._progress.update(bar, completed=job.progress.done, total=job.progress.total)
        if job.is_finished:
            self._progress.update(bar, completed=1, total=1)
        if not self._screen.is_terminal and job.state != self._states.get(job.id):
            self._states[job.id] = job.state
            self._screen.say(f"{job.queue}: {sent.does}: {job.state}")

    def done(self) -> None:
        """Show the jobs no more."""
        self._screen.below = []
