"""The API over HTTP: requests, problem documents, and a stream of events that goes on after a lost connection."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from penstock_cli.local.state import running
from penstock_cli.settings import ClientSettings
from penstock_runtime.errors import PenstockError, SettingsError

TIMEOUT = 30
"""Seconds without a byte. A stream of events gives a sign of life every 15 s."""

WAIT = 2
"""Seconds between two connections to a stream."""


class ApiError(PenstockError):
    """The API refused, or did not answer."""

    code = "api"


class Lost(ApiError):
    """The API did not answer; it may do so later."""

    code = "lost"


def connect(settings: ClientSettings, url: str | None, folder: Path) -> "Api":
    """The API at `url`, else where the settings say, else that of the suite running on the state folder.

    Raises SettingsError where none is named, or no key.
    """
    here = running(folder)
    address = url or settings.api_url or (here.api_url if here else "")
    if not address:
        raise SettingsError("PENSTOCK_API_URL: is not set, and no suite runs here; name the API, or use --api")
    key = settings.api_key.get_secret_value()
    if not key and here is not None and address == here.api_url:
        key = (folder / "api_key").read_text(encoding="utf-8").strip()
    if not key:
        raise SettingsError("PENSTOCK_API_KEY: is not set; `penstock keys create` makes a key")
    return Api(address, key)


class Api:
    """Every method raises ApiError with the problem's detail, code and request id, or Lost where nobody answers."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        try:
            self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise SettingsError("PENSTOCK_API_URL: this is no URL; it looks like http://127.0.0.1:8000") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer to a GET; parameters that are None are left out."""
        return self._ask("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> dict[str, Any]:
        """The answer to a POST with an Idempotency-Key, a new one where none is given."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        return self._ask("POST", path, headers=headers, **({} if body is None else {"json": body}))

    def follow(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The job now, and again at each change, until it has ended. A lost connection is made again.

        Raises Lost where the first connection is not answered.
        """
        heard, came = "", False
        while True:
            try:
                for name, kind, data in self._events(job_id, heard):
                    heard, came = name, True
                    yield data
                    if kind == "end":
                        return
            except Lost:
                if not came:
                    raise
            time.sleep(WAIT)

    def _events(self, job_id: str, heard: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        headers = {"Last-Event-ID": heard} if heard else {}
        try:
            with self._client.stream("GET", f"{job_path(job_id)}/events", headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _problem(answer, retry=bool(heard))
                event: dict[str, str] = {}
                for line in answer.iter_lines():
                    name, _, value = line.partition(":")
                    event[name] = value.removeprefix(" ")
                    if not line:
                        if "data" in event:
                            yield event["id"], event["event"], json.loads(event["data"])
                        event = {}
        except httpx.TransportError as error:
            raise self._lost(error) from error

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._lost(error) from error
        if not answer.is_success:
            raise _problem(answer, retry=False)
        found: dict[str, Any] = answer.json()
        return found

    def _lost(self, error: Exception) -> Lost:
        return Lost(f"the API at {self._url} did not answer ({type(error).__name__})")


def job_path(job_id: str) -> str:
    """The address of a job."""
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _problem(answer: httpx.Response, *, retry: bool) -> ApiError:
    try:
        problem = answer.json()
        said = f"{problem['detail']} ({problem['code']}, request {problem['request_id']})"
    except (ValueError, KeyError, TypeError):
        said = f"the API answered {answer.status_code} with no explanation"
    return Lost(said) if retry and answer.status_code in (429, 503) else ApiError(said)
