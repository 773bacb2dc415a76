"""A job's changes as the API streams them, over one connection after the other, until the job has ended."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from penstock_cli.client.api import PAUSE, Api, Busy, Lost, job_path, problem


@dataclass(frozen=True)
class Silence:
    """The API does not answer just now, and is asked again."""

    reason: str


def follow(api: Api, job_id: str) -> Iterator[dict[str, Any] | Silence]:
    """The job now, and again at each change, until it has ended; in between, that nothing can be heard.

    A stream that ends or is lost is taken up again where it was, unless the API is silent for longer than its
    `patience`. Raises ApiError, and Lost where nobody answers the first time, or for too long.
    """
    heard, opened, silent_since = "", False, time.monotonic()
    while True:
        pause = PAUSE
        try:
            for name, kind, data in _events(api, job_id, heard):
                heard = name
                yield data
                if kind == "end":
                    return
            opened, silent_since = True, time.monotonic()
        except Lost as lost:
            if not (opened or isinstance(lost, Busy)) or time.monotonic() - silent_since > api.patience:
                raise
            pause = lost.after
            yield Silence(lost.message)
        time.sleep(pause)


def _events(api: Api, job_id: str, heard: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The id, kind and data of each event of one stream, until it ends or is lost. Raises ApiError before the first."""
    headers = {"Last-Event-ID": heard} if heard else {}
    opened = False
    try:
        with api.client.stream("GET", f"{job_path(job_id)}/events", headers=headers) as answer:
            if not answer.is_success:
                answer.read()
                raise problem(answer)
            opened = True
            event: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(":")
                event[name] = value.removeprefix(" ")
                if not line:
                    if "data" in event:
                        yield event["id"], event["event"], json.loads(event["data"])
                    event = {}
    except httpx.TransportError as error:
        if not opened:
            raise api.lost(error) from error
