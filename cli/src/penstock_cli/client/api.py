"""The API over HTTP: requests, problem documents, and waiting where the API asks for it."""

import ipaddress
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from penstock_cli.local.state import running
from penstock_cli.settings import ClientSettings
from penstock_runtime.errors import PenstockError, SettingsError

TIMEOUT = 30
"""Seconds without a byte. A stream of events gives a sign of life every 15 s."""

PAUSE = 2.0
"""Seconds before a request is repeated, where the API names none."""

BUSY = (429, 503)
"""Statuses of an answer that may be another one later."""

JOBS = "/v1/jobs"
DEAD_LETTERS = "/v1/dead-letters"


class ApiError(PenstockError):
    """The API refused, with this status. `errors` says what is wrong with each value: `location` and `message`."""

    code = "api"

    def __init__(self, message: str, *, errors: list[dict[str, str]] | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []
        self.status = status


class Lost(ApiError):
    """The API did not answer, or not now; it may do so later. `after`: the seconds it asked to wait."""

    code = "lost"

    def __init__(self, message: str, *, after: float = PAUSE) -> None:
        super().__init__(message)
        self.after = after


def connect(settings: ClientSettings, url: str | None, folder: Path, tell: Callable[[str], None]) -> "Api":
    """The API at `url`, else where the settings say, else that of the suite running on the state folder.

    Raises SettingsError where none is named, or no key.
    """
    here = running(folder)
    address = (url or settings.api_url or (here.api_url if here else "")).rstrip("/")
    if not address:
        raise SettingsError("PENSTOCK_API_URL: is not set, and no suite runs here; name the API, or use --api")
    key = settings.api_key.get_secret_value()
    if not key and here is not None and address == here.api_url:
        key = (folder / "api_key").read_text(encoding="utf-8").strip()
    if not key:
        raise SettingsError("PENSTOCK_API_KEY: is not set; `penstock keys create` makes a key")
    return Api(address, key, settings.api_patience, tell)


class Api:
    """Every method raises ApiError with the problem's detail, code and request id, or Lost where nobody answers.

    An answer that asks to come back later (429, 503) is waited for, for `patience` seconds in all, and `tell` is told.
    """

    def __init__(self, url: str, key: str, patience: float, tell: Callable[[str], None]) -> None:
        self._url, self.patience, self._tell = url, patience, tell
        headers = {"Authorization": f"Bearer {key}"}
        try:
            # This machine is asked by no proxy of the environment's.
            self.client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=not _is_here(url))
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise SettingsError("PENSTOCK_API_URL: this is no URL; it looks like http://127.0.0.1:8000") from error

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def get(self, path: str, *, patient: bool = True, **query: Any) -> dict[str, Any]:
        """The answer to a GET; parameters that are None are left out."""
        params = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", path, lambda: {"params": params}, patient=patient)

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> dict[str, Any]:
        """The answer to a POST with an Idempotency-Key, a new one where none is given."""
        return self.send(path, lambda: {} if body is None else {"json": body}, key=key)

    def send(self, path: str, make: Callable[[], dict[str, Any]], *, key: str | None = None) -> dict[str, Any]:
        """As `post`, with a body that `make` makes anew for each attempt, in httpx's words."""
        key = key or uuid4().hex
        try:
            return self._ask("POST", path, lambda: make() | {"headers": {"Idempotency-Key": key}})
        except Lost as error:
            raise Lost(f"{error.message}; repeat it with --key {key}, and nothing is started twice") from error

    def lost(self, error: Exception) -> Lost:
        """What a failed connection means."""
        return Lost(f"nothing answers at {self._url}: {str(error) or type(error).__name__}")

    def _ask(
        self, method: str, path: str, make: Callable[[], dict[str, Any]], *, patient: bool = True
    ) -> dict[str, Any]:
        until = time.monotonic() + (self.patience if patient else 0)
        while True:
            try:
                return self._once(method, path, make())
            except Busy as busy:
                if time.monotonic() + busy.after > until:
                    raise
                self._tell(f"{busy.message}; trying again in {busy.after:g} s")
                time.sleep(busy.after)

    def _once(self, method: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self.client.request(method, path, **request)
        except httpx.UnsupportedProtocol:
            raise SettingsError("PENSTOCK_API_URL: must begin with http:// or https://") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.lost(error) from error
        if not answer.is_success:
            raise problem(answer)
        with suppress(ValueError):
            found = answer.json()
            if isinstance(found, dict):
                return found
        raise ApiError(f"what answers at {self._url} is no Penstock API")


class Busy(Lost):
    """The API answers, but not now."""


def job_path(job_id: str) -> str:
    """The address of a job."""
    return f"{JOBS}/{quote(job_id, safe='')}"


def letter_path(letter_id: str) -> str:
    """The address of a dead letter."""
    return f"{DEAD_LETTERS}/{quote(letter_id, safe='')}"


def queue_path(queue: str, verb: str, reason: str | None) -> str:
    """The address at which a queue is paused or resumed."""
    why = "" if reason is None else f"?reason={quote(reason, safe='')}"
    return f"/v1/queues/{quote(queue, safe='')}/{verb}{why}"


def problem(answer: httpx.Response) -> ApiError:
    """What a refusal means."""
    errors: list[dict[str, str]] = []
    try:
        said = answer.json()
        message = f"{said['detail']} ({said['code']}, request {said['request_id']})"
        errors = said.get("errors", [])
        if len(errors) > 1:
            message += "".join(f"\n  {one['location']}: {one['message']}" for one in errors)
    except (ValueError, KeyError, TypeError):
        message = f"{answer.url} answered {answer.status_code} without a reason; is it the address of a Penstock API?"
    if answer.status_code in BUSY:
        after = answer.headers.get("Retry-After", "")
        return Busy(message, after=float(after) if after.isdecimal() else PAUSE)
    return ApiError(message, errors=errors, status=answer.status_code)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
