"""Files on their way to the API, with a bar for each."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from penstock_cli.client.api import Api
from penstock_cli.client.given import opened
from penstock_cli.client.options import console

DATASETS = "/v1/datasets"


def upload_files(api: Api, paths: list[Path], name: str | None, key: str | None) -> Iterator[dict[str, Any]]:
    """Upload one file after the other, and yield what the API says of each.

    Raises ApiError, and typer.BadParameter where a file cannot be read or is empty.
    """
    for number, path in enumerate(paths, 1):
        own_key = f"{key}/{number}" if key and len(paths) > 1 else key
        with opened(str(path)) as file:
            yield _upload(api, file, name or path.name, own_key)


def _upload(api: Api, file: BinaryIO, name: str, key: str | None) -> dict[str, Any]:
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise typer.BadParameter(f"{name} is empty, or no ordinary file")
    seen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=seen, disable=not seen.is_terminal) as bars:
        bar = bars.add_task(name, total=size)

        def make() -> dict[str, Any]:
            file.seek(0)
            bars.reset(bar)
            return {"files": {"file": (name, bars.wrap_file(file, task_id=bar))}}

        return api.send(DATASETS, make, key=key)
