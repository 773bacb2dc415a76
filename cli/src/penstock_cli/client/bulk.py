"""Many jobs in few requests: lines become batches, and each line is told what became of it."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import uuid4

import typer

from penstock_cli.client.api import JOBS, Api, ApiError
from penstock_cli.client.given import Line
from penstock_cli.client.options import tell

MOST_JOBS = 1000
"""Jobs in one request, as the API has it."""

MOST_BYTES = 1_000_000
"""Of the lines in one request. The API takes 2 MiB in all, unless its operator sets another bound."""

PLACE = "body.jobs."
"""What the location of an error begins with, before the entry's number."""


def submit_lines(
    api: Api, task: str | None, lines: Iterable[Line], wishes: dict[str, Any], key: str | None
) -> Iterator[dict[str, Any]]:
    """Start a job for each line, and yield what the API says of each, with its `line`, as soon as it says so.

    A line is a payload of `task`, else a whole job, which goes before `wishes`. Raises ApiError, and whatever reading a
    line raises; what was started before is told then, and how to go on.
    """
    key = key or uuid4().hex
    last = 0
    try:
        for batch in batches(lines):
            for line, item in zip(batch, _send(api, task, batch, wishes, key), strict=True):
                yield {"line": line.number, **item}
            last = batch[-1].number
    except (ApiError, typer.BadParameter):
        if last:
            tell(f"the lines up to {last} were accepted; with --key {key} a repeat does not start them again")
        raise


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines in their order, as many together as go in one request."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == MOST_JOBS or size + line.bytes > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += line.bytes
    if batch:
        yield batch


def _send(api: Api, task: str | None, batch: list[Line], wishes: dict[str, Any], key: str) -> list[dict[str, Any]]:
    jobs = [_job(line, task, wishes, key) for line in batch]
    try:
        items: list[dict[str, Any]] = api.post(f"{JOBS}/bulk", {"jobs": jobs}, key=key)["items"]
    except ApiError as error:
        raise _by_line(error, batch) or error from error
    return items


def _job(line: Line, task: str | None, wishes: dict[str, Any], key: str) -> dict[str, Any]:
    own = line.found if task is None else {"task": task, "payload": line.found}
    return {"idempotency_key": f"{key}/{line.number}"} | wishes | own


def _by_line(error: ApiError, batch: list[Line]) -> ApiError | None:
    """The same with lines where the API counts entries; None where it is about none of them."""
    told = []
    for one in error.errors:
        number, _, rest = one["location"].removeprefix(PLACE).partition(".")
        if one["location"].startswith(PLACE) and number.isdecimal() and int(number) < len(batch):
            told.append(f"line {batch[int(number)].number}: {rest or 'the job'}: {one['message']}")
    if not told:
        return None
    first, last = batch[0].number, batch[-1].number
    return ApiError("\n  ".join([f"none of the lines {first} to {last} was accepted:", *told]))
