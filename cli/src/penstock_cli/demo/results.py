"""What became of the jobs, and where to look at it."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock_cli.demo.api import Api, Job
from penstock_cli.demo.work import USER, Sent
from penstock_cli.local.run import Running
from penstock_cli.local.state import from_here
from penstock_contracts.dataset import Imported
from penstock_contracts.generation import Reported
from penstock_contracts.mail import Sent as MailSent
from penstock_contracts.ops_trace import Stored
from penstock_contracts.queues import QUEUES


def save(api: Api, sent: Iterable[Sent], folder: Path) -> None:
    """Download the files of every report into `folder`, in place of those of an earlier demo."""
    for item in sent:
        made = item.job.outcome()
        if isinstance(made, Reported):
            for file in made.files:
                api.download(file.file_id, folder / file.name)


def show(console: Console, sent: list[Sent], suite: Running) -> None:
    """Print a table for each queue."""
    for queue in QUEUES:
        table = Table(box=SIMPLE_HEAD, title=f"queue {queue.name}", title_justify="left", pad_edge=False)
        table.add_column("job", overflow="fold")
        table.add_column("waited", justify="right", no_wrap=True)
        table.add_column("ran", justify="right", no_wrap=True)
        table.add_column("result", overflow="fold")
        table.add_column("where to look", overflow="fold")
        for item in sent:
            if item.job.queue == queue.name:
                result, where = _result(item.job, suite)
                job = item.job
                times = (_seconds(job.created_at, job.started_at), _seconds(job.started_at, job.finished_at))
                table.add_row(Text(item.does), *times, Text(result), Text(where))
        console.print(table)


def _result(job: Job, suite: Running) -> tuple[str, str]:
    match job.outcome():
        case Imported(dataset_id=dataset, rows=rows, columns=columns, encoding=encoding) if columns:
            return f"{rows} rows, {len(columns)} columns, {encoding}", f"/v1/datasets/{dataset}/rows"
        case Imported(dataset_id=dataset, chunks=chunks, encoding=encoding):
            return f"{chunks} chunks, {encoding}", f"/v1/datasets/{dataset}/chunks"
        case Reported(files=made):
            kinds = ", ".join(f"{file.media_type.partition('/')[2]} {file.bytes // 1000} kB" for file in made)
            return kinds, "\n".join(from_here(suite.state.folder / "demo" / file.name) for file in made)
        case MailSent(message_id=message_id):
            return "taken by the mail server", _mail(message_id, suite.state.folder / "mail")
        case Stored(stored=count):
            return f"{count} rows", f"/v1/user-actions?user_id={USER}-00"
        case other:
            return str(other), f"/v1/jobs/{job.id}"


def _mail(message_id: str, folder: Path) -> str:
    """The file in which the mail lies, where it was sent to this machine's mail page."""
    for path in sorted(folder.glob("*.eml"), reverse=True):
        if message_id.encode() in path.read_bytes():
            return from_here(path)
    return "the mailbox of that address"


def _seconds(since: datetime | None, until: datetime | None) -> str:
    return f"{(until - since).total_seconds():.2f} s" if since and until else ""
